//! Side-by-side benchmarks against peers, printed as ratios.
