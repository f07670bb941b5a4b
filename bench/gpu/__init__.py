"""Kernels on a GPU beside PyTorch's: compiled where the compiler is (prepare), measured where the GPU is (run), which may be elsewhere."""
