// Fused and vectorized float code against plain loops, with rows that fill no whole number of vectors; then the same on two threads, bit for bit.
// RUN: %python %S/Inputs/near.py --make %t.in.npz 7 x=37x43 w=43x52 k=6x32x32
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.reference.npz --target reference
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.host.npz
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.generic.npz --target generic
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.threads.npz --threads 2
// RUN: %python %S/Inputs/near.py %t.host.npz %t.reference.npz 2e-6
// RUN: %python %S/Inputs/near.py %t.generic.npz %t.reference.npz 2e-6
// RUN: cmp %t.host.npz %t.threads.npz

#map = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<37x43xf32> {lowbit.name = "x"}, %w: tensor<43x52xf32> {lowbit.name = "w"}, %k: tensor<6x32x32xf32> {lowbit.name = "k"})
    -> (tensor<37x43xf32> {lowbit.name = "softmax"}, tensor<37x52xf32> {lowbit.name = "gelu"}, tensor<32x6x32xf32> {lowbit.name = "transposed"},
        tensor<37x43xf32> {lowbit.name = "tanh"}) {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %root2 = arith.constant 1.41421354 : f32
  %e = tensor.empty() : tensor<37x43xf32>
  %r = tensor.empty() : tensor<37xf32>

  // Softmax: a maximum, an exponential with two users, a sum, a division.
  %m0 = linalg.fill ins(%lowest : f32) outs(%r : tensor<37xf32>) -> tensor<37xf32>
  %max = linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<37x43xf32>) outs(%m0 : tensor<37xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<37xf32>
  %exp = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]} ins(%x, %max : tensor<37x43xf32>, tensor<37xf32>) outs(%e : tensor<37x43xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<37x43xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%r : tensor<37xf32>) -> tensor<37xf32>
  %sum = linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]} ins(%exp : tensor<37x43xf32>) outs(%s0 : tensor<37xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<37xf32>
  %softmax = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]} ins(%exp, %sum : tensor<37x43xf32>, tensor<37xf32>) outs(%e : tensor<37x43xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<37x43xf32>

  // A product and its activation function: register tiles with rows and columns left over.
  %pe = tensor.empty() : tensor<37x52xf32>
  %p0 = linalg.fill ins(%zero : f32) outs(%pe : tensor<37x52xf32>) -> tensor<37x52xf32>
  %product = linalg.matmul ins(%softmax, %w : tensor<37x43xf32>, tensor<43x52xf32>) outs(%p0 : tensor<37x52xf32>) -> tensor<37x52xf32>
  %gelu = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%product : tensor<37x52xf32>) outs(%pe : tensor<37x52xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.divf %a, %root2 : f32
    %1 = math.erf %0 : f32
    %2 = arith.addf %1, %one : f32
    %3 = arith.mulf %2, %half : f32
    %4 = arith.mulf %3, %a : f32
    linalg.yield %4 : f32
  } -> tensor<37x52xf32>

  // Tiles transposed in registers.
  %te = tensor.empty() : tensor<32x6x32xf32>
  %transposed = linalg.transpose ins(%k : tensor<6x32x32xf32>) outs(%te : tensor<32x6x32xf32>) permutation = [2, 0, 1]

  %tanh = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<37x43xf32>) outs(%e : tensor<37x43xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.tanh %a : f32
    linalg.yield %0 : f32
  } -> tensor<37x43xf32>
  return %softmax, %gelu, %transposed, %tanh : tensor<37x43xf32>, tensor<37x52xf32>, tensor<32x6x32xf32>, tensor<37x43xf32>
}
