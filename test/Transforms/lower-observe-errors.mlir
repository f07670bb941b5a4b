// RUN: quant-opt %s --lowbit-lower-observe --split-input-file --verify-diagnostics

// A function of the model under the run time's name would be called in its place.
// expected-error @+1 {{'func.func' op has the name of a function of the run time, `lowbit_observe`; rename it}}
func.func @lowbit_observe(%x: tensor<4xf32>) {
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.minmax
  return
}
