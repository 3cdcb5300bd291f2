"""A schema of KubeRay's RayJob (ray.io/v1, KubeRay 1.5.1), as far as it can be checked without a cluster.

Names, types and allowed values are those of KubeRay's API reference. Unknown keys are rejected, as the server
does with strict validation. Of pods, only the parts that the file uses are checked.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
WHOLE: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
# Kubernetes quantities: 500m, 2, 28Gi.
QUANTITY: Schema = {"type": "string", "pattern": r"^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"}


def of(properties: Schema, *required: str) -> Schema:
    """Return the schema of an object with these keys and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def listed(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


_QUANTITIES = {"type": "object", "additionalProperties": QUANTITY}
_RESOURCES = of({"requests": _QUANTITIES, "limits": _QUANTITIES})
_ENV = listed(of({"name": TEXT, "value": TEXT, "valueFrom": {"type": "object"}}, "name"))
_CONTAINER = of(
    {
        "name": TEXT,
        "image": TEXT,
        "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "command": listed(TEXT),
        "args": listed(TEXT),
        "env": _ENV,
        "resources": _RESOURCES,
        "securityContext": of(
            {
                "allowPrivilegeEscalation": FLAG,
                "runAsNonRoot": FLAG,
                "runAsUser": WHOLE,
                "readOnlyRootFilesystem": FLAG,
                "capabilities": {"type": "object"},
            }
        ),
        "volumeMounts": listed({"type": "object", "required": ["name", "mountPath"]}),
    },
    "name",
    "image",
)
_TOLERATION = of(
    {
        "key": TEXT,
        "operator": {"enum": ["Exists", "Equal"]},
        "value": TEXT,
        "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
    }
)
_TEMPLATE = of(
    {
        "metadata": of({"labels": TEXTS, "annotations": TEXTS}),
        "spec": of(
            {
                "serviceAccountName": TEXT,
                "restartPolicy": {"enum": ["Always", "OnFailure", "Never"]},
                "terminationGracePeriodSeconds": WHOLE,
                "nodeSelector": TEXTS,
                "containers": listed(_CONTAINER, 1),
                "tolerations": listed(_TOLERATION),
                "volumes": listed({"type": "object", "required": ["name"]}),
            },
            "containers",
        ),
    },
    "spec",
)
_HEAD = of(
    {
        "rayStartParams": TEXTS,
        "template": _TEMPLATE,
        "serviceType": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
        "enableIngress": FLAG,
        "headService": {"type": "object"},
    },
    "rayStartParams",
    "template",
)
_WORKERS = of(
    {
        "groupName": TEXT,
        "replicas": WHOLE,
        "minReplicas": WHOLE,
        "maxReplicas": WHOLE,
        "numOfHosts": WHOLE,
        "idleTimeoutSeconds": WHOLE,
        "suspend": FLAG,
        "rayStartParams": TEXTS,
        "template": _TEMPLATE,
        "scaleStrategy": {"type": "object"},
    },
    "groupName",
    "rayStartParams",
    "template",
)
_AUTOSCALER = of(
    {
        "version": {"enum": ["v1", "v2"]},
        "resources": _RESOURCES,
        "image": TEXT,
        "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "idleTimeoutSeconds": WHOLE,
        "upscalingMode": {"enum": ["Default", "Aggressive", "Conservative"]},
        "env": _ENV,
    }
)
_CLUSTER = of(
    {
        "rayVersion": TEXT,
        "authOptions": of({"mode": {"enum": ["disabled", "token"]}}),
        "enableInTreeAutoscaling": FLAG,
        "autoscalerOptions": _AUTOSCALER,
        "headServiceAnnotations": TEXTS,
        "headGroupSpec": _HEAD,
        "workerGroupSpecs": listed(_WORKERS),
        "gcsFaultToleranceOptions": {"type": "object"},
        "suspend": FLAG,
    },
    "headGroupSpec",
)
_JOB = of(
    {
        "entrypoint": TEXT,
        "runtimeEnvYAML": TEXT,
        "activeDeadlineSeconds": {"type": "integer", "minimum": 1},
        "backoffLimit": WHOLE,
        "shutdownAfterJobFinishes": FLAG,
        "ttlSecondsAfterFinished": WHOLE,
        "submissionMode": {"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
        "submitterConfig": of({"backoffLimit": WHOLE}),
        "submitterPodTemplate": _TEMPLATE,
        "entrypointNumCpus": {"type": "number"},
        "entrypointNumGpus": {"type": "number"},
        "entrypointResources": TEXT,
        "metadata": TEXTS,
        "clusterSelector": TEXTS,
        "rayClusterSpec": _CLUSTER,
        "jobId": TEXT,
        "suspend": FLAG,
    },
    "entrypoint",
    "rayClusterSpec",
)
RAYJOB: Schema = of(
    {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": {
            **of({"name": TEXT, "generateName": TEXT, "namespace": TEXT, "labels": TEXTS}),
            "anyOf": [{"required": ["name"]}, {"required": ["generateName"]}],
        },
        "spec": _JOB,
    },
    "apiVersion",
    "kind",
    "metadata",
    "spec",
)
