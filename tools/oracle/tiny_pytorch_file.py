#!/usr/bin/env python3
"""Writes checkpoints in the form of torch.save, without PyTorch: what tests/weights/pytorch_file_test.cc reads.

    python3 tools/oracle/tiny_pytorch_file.py tests/data/pytorch

The pickles are Python's own, of objects whose names are those that PyTorch's pickles use; the archive has its members and
their order. tiny.ckpt is a training checkpoint: tensors in "state_dict", and beside them what only training needs.
convert(safetensors, ckpt) does the same for the float32 tensors of a safetensors file.
"""

import collections
import io
import json
import math
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path


def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__ = name, key
        setattr(made, key, value)
    sys.modules[name] = made


def rebuild_tensor(*_):
    raise AssertionError("never called here")


def rebuild_parameter(*_):
    raise AssertionError("never called here")


Float, Half, Long = (type(name, (), {}) for name in ("FloatStorage", "HalfStorage", "LongStorage"))
module("torch", FloatStorage=Float, HalfStorage=Half, LongStorage=Long)
module("torch._utils", _rebuild_tensor_v2=rebuild_tensor, _rebuild_parameter=rebuild_parameter)
module("trainer", Callback=type("Callback", (), {}))


class Storage:
    def __init__(self, kind, key, data, count):
        self.kind, self.key, self.data, self.count = kind, key, data, count


class Tensor:
    def __init__(self, storage, offset, size, stride=None):
        self.storage, self.offset, self.size = storage, offset, size
        self.stride = stride or tuple(math.prod(size[i + 1:]) for i in range(len(size)))

    def __reduce__(self):
        return rebuild_tensor, (self.storage, self.offset, self.size, self.stride, False, collections.OrderedDict())


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return rebuild_parameter, (self.tensor, True, collections.OrderedDict())


def save(path, value, storages, protocol=2, order="little"):
    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if isinstance(item, Storage):
                return "storage", item.kind, item.key, "cpu", item.count
            return None

    text = io.BytesIO()
    Pickler(text, protocol).dump(value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        def add(name, data):
            archive.writestr(zipfile.ZipInfo(name), data)
        add("archive/data.pkl", text.getvalue())
        add("archive/byteorder", order)
        for storage in storages:
            add(f"archive/data/{storage.key}", storage.data)
        add("archive/version", "3\n")


def tiny(folder):
    floats = Storage(Float, "0", struct.pack("<6f", 0, 1, 2, 3, 4, 5), 6)
    halves = Storage(Half, "1", struct.pack("<2e", 0.5, -2), 2)
    longs = Storage(Long, "2", struct.pack("<q", 1 << 40), 1)
    state = collections.OrderedDict(a=Tensor(floats, 0, (2, 2)), b=Tensor(floats, 4, (2,)), half=Tensor(halves, 0, (2,)),
                                    steps=Tensor(longs, 0, ()), weight=Parameter(Tensor(floats, 1, (1, 3))))
    state._metadata = collections.OrderedDict(version=1)
    trained = {"epoch": 3, "global_step": 1 << 33, "loss": 0.25, "done": True, "callbacks": {"x": sys.modules["trainer"].Callback()},
               "state_dict": state, "optimizer_states": [{"lr": 1e-3, "betas": (0.9, 0.95), "none": None}], "note": b"bytes"}
    save(folder / "tiny.ckpt", trained, [floats, halves, longs])
    save(folder / "plain_protocol4.pt", {"a": Tensor(floats, 0, (2, 3))}, [floats], protocol=4)
    save(folder / "transposed.pt", {"a": Tensor(floats, 0, (2, 3), (1, 2))}, [floats])
    save(folder / "beyond.pt", {"a": Tensor(floats, 3, (2, 2))}, [floats])
    save(folder / "big_endian.pt", {"a": Tensor(floats, 0, (2,))}, [floats], order="big")


def convert(source, target):
    data = Path(source).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    storages, state = [], collections.OrderedDict()
    for name, info in header.items():
        begin, end = info["data_offsets"]
        storages.append(Storage(Float, str(len(storages)), data[8 + size + begin:8 + size + end], (end - begin) // 4))
        state[name] = Tensor(storages[-1], 0, tuple(info["shape"]))
    save(target, {"state_dict": state}, storages)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    tiny(Path(sys.argv[1]))
