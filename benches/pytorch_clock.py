"""How the PyTorch scripts here time a piece of work; crates/cli/src/bench/measure.rs does the same."""
import time


def times_ms(work):
    """Sorted milliseconds of a call: two that do not count, then at least five, for a second or 200 calls."""
    work(); work(); times = []
    end = time.perf_counter() + 1.0
    while len(times) < 5 or time.perf_counter() < end and len(times) < 200:
        t = time.perf_counter(); work(); times.append(time.perf_counter() - t)
    return [1e3 * t for t in sorted(times)]


def median_ms(work):
    times = times_ms(work)
    return times[len(times) // 2]
