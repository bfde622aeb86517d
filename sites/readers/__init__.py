"""Readers of tower files: each product becomes a ``TowerRecord``, monthly and in the model's units.

``kinds.read_record`` recognises a file, archive or folder and calls the reader of its product.
"""
