"""Packages of the wheel; all other metadata is in pyproject.toml.

The trained models lie in ``saved_models`` at the top of a clone, and in the wheel in
``keras_hyper/saved_models``. pyproject.toml cannot add this mapping to the packages that setuptools
finds.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["keras_hyper", "keras_hyper.*", "pipelines", "pipelines.*"]),
        "keras_hyper.saved_models",
    ],
    package_dir={"keras_hyper.saved_models": "saved_models"},
)
