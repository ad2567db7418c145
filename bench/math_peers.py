"""The peers of math_bench.cc, on the same questions and timed alike.

    python bench/math_peers.py [walk harmonic gradient sparse multigrid]

needs numpy scipy mpmath pyamg symengine python-flint. Set OPENBLAS_NUM_THREADS=1 for both programs.
"""

import sys
import time

import numpy as np


def timed(what, body, rounds=3):
    wall = cpu = 1e9
    for _ in range(rounds):
        w, c = time.perf_counter(), time.process_time()
        body()
        wall, cpu = min(wall, time.perf_counter() - w), min(cpu, time.process_time() - c)
    print(f"{what:52} {wall * 1e3:10.3f} ms wall {cpu * 1e3:10.3f} ms cpu", flush=True)


def walk():
    import flint
    from scipy.stats import binom

    timed("SciPy's binom.pmf, 10^6 steps", lambda: binom.pmf(np.arange(10**6 + 1), 10**6, 0.5))
    timed("FLINT's (1 + x)^10000", lambda: flint.fmpz_poly([1, 1]) ** 10000)
    random = np.random.default_rng(1)

    def simulate():
        steps = random.integers(0, 2, size=(2000, 10000), dtype=np.int8) * 2 - 1
        places = np.cumsum(steps, axis=1, dtype=np.int16)
        return places.max(axis=1), (places == 0).sum(axis=1)

    timed("NumPy, 2,000 walks of 10^4 steps", simulate)


def harmonic():
    import flint
    import mpmath

    def digits():
        mpmath.mp.dps = 1010
        return mpmath.harmonic(mpmath.mpf(10) ** 100)

    timed("mpmath's H(10^100) to 1,000 digits", digits, 5)
    timed("FLINT's exact H(10^6), printed", lambda: str(flint.fmpq.harmonic(10**6)), 2)


def gradient():
    import symengine

    text = "0" + "".join(f"+sin(x{i}*x{i % 1000 + 1})*exp(x{i}/(1+x{i % 1000 + 1}**2))" for i in range(1, 1001))
    timed("SymEngine: reading a formula of 1,000 variables", lambda: symengine.sympify(text))
    formula = symengine.sympify(text)
    variables = [symengine.Symbol(f"x{i}") for i in range(1, 1001)]
    texts = []

    def symbols():
        texts[:] = [str(formula.diff(x)) for x in variables]

    timed("SymEngine: its gradient in symbols", symbols, 1)
    print(f"{'':52} {sum(map(len, texts)):10} bytes of text")


def sparse():
    import scipy.sparse as sp
    from scipy.sparse.linalg import splu

    side, random = 450, np.random.default_rng(1)
    n = side * side
    right, down = 0.5 + random.random(n), 0.5 + random.random(n)
    i = np.arange(n)
    east, south = i[i % side + 1 < side], i[i + side < n]
    rows, columns = np.r_[east, south], np.r_[east + 1, south + side]
    half = sp.coo_matrix((np.r_[-right[east], -down[south]], (rows, columns)), shape=(n, n)).tocsc()
    springs = half + half.T
    diagonal = -np.asarray(springs.sum(axis=1)).ravel()
    for ground in (1e-3, -1.503):
        a = (springs + sp.diags(diagonal + ground)).tocsc()
        threshold = 0.01 if ground < 0 else 0.0

        def solve(a=a, threshold=threshold):
            factor = splu(a, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=threshold, options={"SymmetricMode": True})
            return factor.solve(np.full(n, 0.5))

        timed(f"SciPy's splu and solve, 450 x 450, ground {ground}", solve, 2)


def multigrid():
    import pyamg

    a = pyamg.gallery.poisson((1000, 1000), format="csr")
    b = np.full(10**6, 0.5)
    timed("pyamg to 1e-8, 10^6 unknowns", lambda: pyamg.ruge_stuben_solver(a).solve(b, tol=1e-8, accel="cg"), 2)


if __name__ == "__main__":
    for name in sys.argv[1:] or ["walk", "harmonic", "gradient", "sparse", "multigrid"]:
        {"walk": walk, "harmonic": harmonic, "gradient": gradient, "sparse": sparse, "multigrid": multigrid}[name]()
