// RUN: quant-opt %s --lowbit-results-to-arguments --split-input-file --verify-diagnostics

func.func @entry(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func @caller(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{calls the entry point `entry`; make a private function of what both need}}
  %y = call @entry(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error@+1 {{result 0 has type 'tensor<*xf32>'; expected a ranked tensor or a scalar}}
func.func @unranked(%x: tensor<*xf32>) -> tensor<*xf32> {
  return %x : tensor<*xf32>
}
