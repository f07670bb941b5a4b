// RUN: quant-opt %s --lowbit-extract-parameters | FileCheck %s

// A constant that no site has is named as in the source, not by the key of its resource, which depends on what else was read before.
// CHECK-LABEL: func @initial() -> (tensor<2xf32> {lowbit.name = "norm.weight"}, tensor<2xf32> {lowbit.name = "norm.weight#2"}, tensor<2xf32> {lowbit.name = "key"})
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = arith.constant dense_resource<norm_1> : tensor<2xf32> loc("norm.weight")
  %b = arith.constant dense<[3.0, 4.0]> : tensor<2xf32> loc("norm.weight")
  %c = arith.constant dense_resource<key> : tensor<2xf32>
  %0 = arith.mulf %x, %a : tensor<2xf32>
  %1 = arith.mulf %0, %b : tensor<2xf32>
  %2 = arith.addf %1, %c : tensor<2xf32>
  return %2 : tensor<2xf32>
}
{-# dialect_resources: { builtin: { norm_1: "0x040000000000803F00000040", key: "0x040000000000803F00000040" } } #-}
