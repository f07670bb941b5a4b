// The functions of activations and softmax against the C library's over 4 million floats: between 2^-20 and 2^7 every 108th of both signs.
// Below, erf is linear and exp is 1; above, both are at their limits.
// RUN: %python %S/Inputs/near.py --floats %t.in.npz 4194304
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.reference.npz --target reference
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.host.npz
// RUN: %python %S/Inputs/near.py --ulps %t.host.npz %t.reference.npz 6

#map = affine_map<(i) -> (i)>
func.func @main(%x: tensor<4194304xf32> {lowbit.name = "x"}) -> (tensor<4194304xf32> {lowbit.name = "exp"}, tensor<4194304xf32> {lowbit.name = "erf"}) {
  %e = tensor.empty() : tensor<4194304xf32>
  %exp = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<4194304xf32>) outs(%e : tensor<4194304xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<4194304xf32>
  %erf = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<4194304xf32>) outs(%e : tensor<4194304xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.erf %a : f32
    linalg.yield %0 : f32
  } -> tensor<4194304xf32>
  return %exp, %erf : tensor<4194304xf32>, tensor<4194304xf32>
}
