"""Measures kernel-time bundles on a GPU, for Lockstep to simulate with. See README.md.

`grids` says what to measure, `files` how a bundle is written, `sweep` puts both together. What
times a step is a backend: `vllm_timer` or `torch_timer`, which alone need a GPU.
"""
