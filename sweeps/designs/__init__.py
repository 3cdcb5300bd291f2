"""Designs: which points of a space to try, asked one at a time and told what each gave."""
