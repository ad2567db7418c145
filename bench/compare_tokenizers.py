"""Tessera's tokenizer beside the library `tokenizers` on the same text, on one core, in turns.

    python bench/compare_tokenizers.py build/release/bin/tokenizer_bench TOKENIZER_JSON TEXT_FILE

needs `pip install tokenizers`. Prints MB/s of both, best of the turns, and their ratio. The library is slow on one
long text, so it is also timed on the same text in parts of about 4,000 characters, and its better figure counts. Ends
with 1 if the ids of the whole text differ in number.
"""

import json
import os
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402  (reads the variable above)

TURNS = 3


def library_seconds(tokenizer, text):
    start = time.perf_counter()
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return time.perf_counter() - start, len(encoding.ids)


def parts_of(text, size=4000):
    parts, begin = [], 0
    while begin < len(text):
        end = text.find("\n", begin + size)
        end = len(text) if end < 0 else end
        parts.append(text[begin:end])
        begin = end
    return parts


def main():
    program, vocabulary, text_file = sys.argv[1:4]
    with open(text_file, encoding="utf-8", newline="") as file:
        text = file.read()
    megabytes = len(text.encode()) / 1e6
    start = time.perf_counter()
    tokenizer = Tokenizer.from_file(vocabulary)
    library_load = time.perf_counter() - start
    ours, theirs, in_parts = [], [], []
    for _ in range(TURNS):
        output = subprocess.run([program, vocabulary, text_file, "1"], check=True, capture_output=True).stdout
        ours.append(json.loads(output))
        theirs.append(library_seconds(tokenizer, text))
        in_parts.append(sum(library_seconds(tokenizer, part)[0] for part in parts_of(text)))
    best = max(row["encode_mb_s"] for row in ours)
    whole = megabytes / min(seconds for seconds, _ in theirs)
    split = megabytes / min(in_parts)
    library = max(whole, split)
    print(json.dumps({
        "tessera_mb_s": best,
        "tokenizers_mb_s": round(whole, 2),
        "tokenizers_in_parts_mb_s": round(split, 2),
        "ratio": round(best / library, 1),
        "tessera_load_ms": min(row["load_ms"] for row in ours),
        "tokenizers_load_ms": round(library_load * 1e3, 1),
        "ids": ours[0]["ids"],
    }))
    return 0 if ours[0]["ids"] == theirs[0][1] else 1


if __name__ == "__main__":
    sys.exit(main())
