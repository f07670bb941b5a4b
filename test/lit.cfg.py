"""How lit runs Lowbit's tests."""

import os
import sys

import lit.formats

config.name = "lowbit"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lowbit_obj_dir, "test")
config.environment["PATH"] = os.pathsep.join(
    [config.lowbit_bin_dir, config.llvm_tools_dir, os.environ.get("PATH", "")]
)
config.substitutions.append(("%lowbit_lib", config.lowbit_lib_dir))
config.substitutions.append(("%lowbit_src", config.lowbit_src_dir))
config.substitutions.append(("%lowbit_obj", config.lowbit_obj_dir))
config.substitutions.append(("%llvm_bin", config.llvm_tools_dir))
config.substitutions.append(("%python", config.python))

# NVIDIA's assembler, the same for tests and the compiler. Where it has to be there, tests that need it fail without it.
sys.path.insert(0, config.test_source_root)
import ptxas

config.environment["LOWBIT_PTXAS"] = ptxas.find(config.python) or "none"
if ptxas.find(config.python) or ptxas.is_required():
    config.available_features.add("ptxas")

# The same tests through a stock mlir-opt with the plugin: `lit -Dplugin=1`.
if lit_config.params.get("plugin"):
    wrapper = os.path.join(config.test_source_root, "Plugin", "mlir-opt-with-plugin")
    stock = os.path.join(config.llvm_tools_dir, "mlir-opt")
    plugin = os.path.join(config.lowbit_lib_dir, "LowbitPlugin.so")
    config.name = "lowbit-plugin"
    config.substitutions.append((r"(?<![\w/.-])quant-opt(?![\w.-])", f"{config.python} {wrapper} {stock} {plugin}"))
    config.excludes += ["Consumer", "Plugin", "Integration", "Conformance", "Tools", "Python", "Docs", "unittests"]
