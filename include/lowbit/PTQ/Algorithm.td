//===- Algorithm.td - what passes of algorithms share ---------------------===//

#ifndef LOWBIT_PTQ_ALGORITHM_TD
#define LOWBIT_PTQ_ALGORITHM_TD

include "mlir/Pass/PassBase.td"

/// An algorithm that recipes list by its name (include/lowbit/PTQ/Algorithm.h).
class Algorithm<string name, list<Option> extra = []> : Pass<"lowbit-ptq-" # name, "::mlir::ModuleOp"> {
  let options = !listconcat([
    Option<"sites", "sites", "std::string", /*default=*/"\"*\"", "Pattern of the sites to work on">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics">,
  ], extra);
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "::mlir::lowbit::LowbitDialect"];
}

#endif
