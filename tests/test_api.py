"""The public names: each is found, in the module that defines it, and nothing is imported before it is used."""

import ast
import importlib

import pytest

import lora_ref


@pytest.mark.parametrize("name", lora_ref._NAMES)
def test_a_public_name_is_defined_where_the_table_says(name):
    module = importlib.import_module(f"lora_ref.{lora_ref._NAMES[name]}")
    names: dict = {}
    exec(f"from lora_ref import {name}", names)  # as a user writes it
    assert names[name] is getattr(lora_ref, name) is getattr(module, name)
    assert names[name].__module__ == module.__name__


def test_all_is_the_table():
    assert lora_ref.__all__ == sorted(lora_ref._NAMES)
    names: dict = {}
    exec("from lora_ref import *", names)
    assert set(lora_ref.__all__) <= set(names)


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="lora_ref has no name 'LoraLinear'; it has GPT, GPTConfig, LoRALinear, "):
        _ = lora_ref.LoraLinear
    with pytest.raises(ImportError):
        exec("from lora_ref import LoraLinear")
    assert not hasattr(lora_ref, "torch")


def test_the_package_file_is_a_table_and_nothing_else(root):
    """It is left out of every fingerprint, so nothing that computes may stand in it."""
    tree = ast.parse((root / "lora_ref/__init__.py").read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert functions == ["__getattr__"]
    assigned = [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)]
    assert assigned == ["_NAMES", "__all__"]
