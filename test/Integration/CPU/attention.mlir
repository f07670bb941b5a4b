// Attention with heads, rows, columns and depth that no tile divides, row by row against plain loops; then on two threads, bit for bit.
// RUN: %python %S/Inputs/near.py --make %t.in.npz 5 q=83x3x20 k=83x3x20 v=83x3x20 bias=83
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.reference.npz --target reference
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.host.npz
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.generic.npz --target generic
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.threads.npz --threads 2
// RUN: %python %S/Inputs/near.py %t.host.npz %t.reference.npz 2e-6
// RUN: %python %S/Inputs/near.py %t.generic.npz %t.reference.npz 2e-6
// RUN: cmp %t.host.npz %t.threads.npz

#row = affine_map<(h, i, j) -> (h, i)>
#all = affine_map<(h, i, j) -> (h, i, j)>
func.func @main(%q: tensor<83x3x20xf32> {lowbit.name = "q"}, %k: tensor<83x3x20xf32> {lowbit.name = "k"}, %v: tensor<83x3x20xf32> {lowbit.name = "v"},
                %bias: tensor<83xf32> {lowbit.name = "bias"}) -> (tensor<83x3x20xf32> {lowbit.name = "out"}, tensor<3x83xf32> {lowbit.name = "sums"}) {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %t = tensor.empty() : tensor<3x20x83xf32>
  %kt = linalg.transpose ins(%k : tensor<83x3x20xf32>) outs(%t : tensor<3x20x83xf32>) permutation = [1, 2, 0]
  %e = tensor.empty() : tensor<3x83x83xf32>
  %e0 = linalg.fill ins(%zero : f32) outs(%e : tensor<3x83x83xf32>) -> tensor<3x83x83xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(h, i, j, d) -> (i, h, d)>, affine_map<(h, i, j, d) -> (h, d, j)>, affine_map<(h, i, j, d) -> (h, i, j)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %kt : tensor<83x3x20xf32>, tensor<3x20x83xf32>) outs(%e0 : tensor<3x83x83xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x83x83xf32>
  %biased = linalg.generic {indexing_maps = [#all, affine_map<(h, i, j) -> (j)>, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %bias : tensor<3x83x83xf32>, tensor<83xf32>) outs(%e : tensor<3x83x83xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<3x83x83xf32>
  %r = tensor.empty() : tensor<3x83xf32>
  %m0 = linalg.fill ins(%lowest : f32) outs(%r : tensor<3x83xf32>) -> tensor<3x83xf32>
  %max = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%biased : tensor<3x83x83xf32>) outs(%m0 : tensor<3x83xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<3x83xf32>
  %x = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%biased, %max : tensor<3x83x83xf32>, tensor<3x83xf32>) outs(%e : tensor<3x83x83xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x83x83xf32>
  %r0 = linalg.fill ins(%zero : f32) outs(%r : tensor<3x83xf32>) -> tensor<3x83xf32>
  %sums = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<3x83x83xf32>) outs(%r0 : tensor<3x83xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<3x83xf32>
  %p = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %sums : tensor<3x83x83xf32>, tensor<3x83xf32>) outs(%e : tensor<3x83x83xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<3x83x83xf32>
  %f = tensor.empty() : tensor<3x83x20xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<3x83x20xf32>) -> tensor<3x83x20xf32>
  %heads = linalg.generic {indexing_maps = [affine_map<(h, i, d, j) -> (h, i, j)>, affine_map<(h, i, d, j) -> (j, h, d)>, affine_map<(h, i, d, j) -> (h, i, d)>],
                           iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<3x83x83xf32>, tensor<83x3x20xf32>) outs(%f0 : tensor<3x83x20xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x83x20xf32>
  %o = tensor.empty() : tensor<83x3x20xf32>
  %out = linalg.transpose ins(%heads : tensor<3x83x20xf32>) outs(%o : tensor<83x3x20xf32>) permutation = [1, 0, 2]
  return %out, %sums : tensor<83x3x20xf32>, tensor<3x83xf32>
}
