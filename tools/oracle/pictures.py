#!/usr/bin/env python3
"""Makes the small picture files of tests/data/image, and what Pillow reads from them.

    pip install pillow numpy
    python tools/oracle/pictures.py tests/data/image

Every file holds the same scene of 37 x 23 pixels in another format. expected.safetensors has, under the file's name,
Pillow's pixels after ImageOps.exif_transpose: u8 [H, W, 3], or [H, W, 4] where the file has transparency.
"""
import io
import json
import pathlib
import struct
import sys

import numpy as np
from PIL import Image, ImageOps

WIDTH, HEIGHT = 37, 23


def scene():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red = x * 255 // (WIDTH - 1)
    green = y * 255 // (HEIGHT - 1)
    blue = np.where((x - 18) ** 2 + (y - 11) ** 2 < 64, 240, 40)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def with_alpha(image):
    alpha = np.tile((np.arange(WIDTH) * 7 % 256).astype(np.uint8), (HEIGHT, 1))
    return Image.merge("RGBA", (*image.split(), Image.fromarray(alpha)))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned_jpegs(image):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation{orientation}.jpg", saved(image, "JPEG", quality=95, exif=exif)


def bmp_with_runs(image):
    """Pillow writes no runs: rows from the bottom, each as runs, absolute stretches and an end of line."""
    indexed = image.quantize(16)
    pixels, palette = np.asarray(indexed), indexed.getpalette()[:48]
    data = bytearray()
    for row in pixels[::-1]:
        x = 0
        while x < WIDTH:
            if x + 6 <= WIDTH and x % 3 == 0:
                data += bytes([0, 5, *row[x:x + 5], 0])  # five as they are, padded to two bytes
                x += 5
            else:
                length = 1
                while x + length < WIDTH and row[x + length] == row[x]:
                    length += 1
                data += bytes([length, row[x]])
                x += length
        data += bytes([0, 0])
    data += bytes([0, 1])
    colours = b"".join(bytes([*palette[3 * i:3 * i + 3][::-1], 0]) for i in range(16))
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(data), 0, 0, 16, 0)
    begin = 14 + len(info) + len(colours)
    head = b"BM" + struct.pack("<IHHI", begin + len(data), 0, 0, begin)
    return head + info + colours + bytes(data)


def bmp_of_565(image):
    """16 bits with masks, rows from the top."""
    rgb = np.asarray(image).astype(np.uint32)
    packed = (rgb[..., 0] >> 3) << 11 | (rgb[..., 1] >> 2) << 5 | rgb[..., 2] >> 3
    row_bytes = (WIDTH * 2 + 3) // 4 * 4
    data = b"".join(row.astype("<u2").tobytes().ljust(row_bytes, b"\0") for row in packed)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, 16, 3, len(data), 0, 0, 0, 0)
    masks = struct.pack("<III", 0xf800, 0x07e0, 0x001f)
    begin = 14 + len(info) + len(masks)
    return b"BM" + struct.pack("<IHHI", begin + len(data), 0, 0, begin) + info + masks + data


def files():
    image = scene()
    yield "rgb.png", saved(image, "PNG")
    yield "rgba.png", saved(with_alpha(image), "PNG")
    yield "gray.png", saved(image.convert("L"), "PNG")
    yield "gray_alpha.png", saved(with_alpha(image).convert("LA"), "PNG")
    yield "bilevel.png", saved(image.convert("1"), "PNG")
    yield "palette.png", saved(image.quantize(13), "PNG", bits=4)
    yield "palette_transparent.png", saved(image.quantize(13), "PNG", transparency=3)
    yield "gray16.png", saved(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG")
    yield "quality90.jpg", saved(image, "JPEG", quality=90)
    yield "progressive.jpg", saved(image, "JPEG", quality=75, progressive=True)
    yield "gray.jpg", saved(image.convert("L"), "JPEG")
    yield "inks.jpg", saved(image.convert("CMYK"), "JPEG", quality=95)
    yield from turned_jpegs(image)
    yield "lossless.webp", saved(image, "WEBP", lossless=True)
    yield "lossless_alpha.webp", saved(with_alpha(image), "WEBP", lossless=True, exact=True)
    yield "lossy.webp", saved(image, "WEBP", quality=80)
    yield "rgb.bmp", saved(image, "BMP")
    yield "palette.bmp", saved(image.quantize(200), "BMP")
    yield "bilevel.bmp", saved(image.convert("1"), "BMP")
    yield "runs.bmp", bmp_with_runs(image)
    yield "masks565.bmp", bmp_of_565(image)
    yield "whole.gif", saved(image.quantize(64), "GIF")
    yield "interlaced.gif", saved(image.quantize(64), "GIF", interlace=1)
    yield "transparent.gif", saved(image.quantize(64), "GIF", transparency=5)
    frames = [image.quantize(32), image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).quantize(32)]
    yield "frames.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def pixels(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    return np.ascontiguousarray(np.asarray(image.convert("RGBA" if transparent else "RGB")))


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        header[name] = dict(dtype="U8", shape=list(values.shape), data_offsets=[len(data), len(data) + values.size])
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, data in files():
        (out / name).write_bytes(data)
        expected[name] = pixels(data)
    write_safetensors(out / "expected.safetensors", expected)


if __name__ == "__main__":
    main()
