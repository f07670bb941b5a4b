// Functions as polynomials against the C library's, over many magnitudes, with infinities and NaN. A vector and its scalar rest agree alike.
// RUN: %python %S/Inputs/near.py --sweep %t.in.npz 65539
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.reference.npz --target reference
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.host.npz
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.generic.npz --target generic
// RUN: %python %S/Inputs/near.py --ulps %t.host.npz %t.reference.npz 6
// RUN: %python %S/Inputs/near.py --ulps %t.generic.npz %t.reference.npz 6

#map = affine_map<(i) -> (i)>
func.func @main(%x: tensor<65539xf32> {lowbit.name = "x"})
    -> (tensor<65539xf32> {lowbit.name = "exp"}, tensor<65539xf32> {lowbit.name = "erf"}, tensor<65539xf32> {lowbit.name = "tanh"}, tensor<65539xf32> {lowbit.name = "log"},
        tensor<65539xf32> {lowbit.name = "sin"}) {
  %e = tensor.empty() : tensor<65539xf32>
  %exp = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<65539xf32>) outs(%e : tensor<65539xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<65539xf32>
  %erf = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<65539xf32>) outs(%e : tensor<65539xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.erf %a : f32
    linalg.yield %0 : f32
  } -> tensor<65539xf32>
  %tanh = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<65539xf32>) outs(%e : tensor<65539xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.tanh %a : f32
    linalg.yield %0 : f32
  } -> tensor<65539xf32>
  %log = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<65539xf32>) outs(%e : tensor<65539xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.log %a : f32
    linalg.yield %0 : f32
  } -> tensor<65539xf32>
  %sin = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<65539xf32>) outs(%e : tensor<65539xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sin %a : f32
    linalg.yield %0 : f32
  } -> tensor<65539xf32>
  return %exp, %erf, %tanh, %log, %sin : tensor<65539xf32>, tensor<65539xf32>, tensor<65539xf32>, tensor<65539xf32>, tensor<65539xf32>
}
