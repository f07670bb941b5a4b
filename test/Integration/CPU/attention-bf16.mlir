// Products of pairs of bf16 between rows, whole numbers throughout: bit for bit against plain loops, with rows, columns and depths that no
// tile divides and an odd number of products in each sum. The target of the last run has no such instruction.
// RUN: %python %S/Inputs/near.py --whole %t.in.npz 5 q=83x3x21 k=84x3x21 v=3x36x84
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.reference.npz --target reference
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.host.npz
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.threads.npz --threads 2
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.generic.npz --target generic
// RUN: cmp %t.host.npz %t.reference.npz
// RUN: cmp %t.threads.npz %t.reference.npz
// RUN: cmp %t.generic.npz %t.reference.npz

#all = affine_map<(h, i, j) -> (h, i, j)>
func.func @main(%q: tensor<83x3x21xf32> {lowbit.name = "q"}, %k: tensor<84x3x21xf32> {lowbit.name = "k"}, %v: tensor<3x36x84xf32> {lowbit.name = "v"})
    -> (tensor<83x3x36xf32> {lowbit.name = "out"}) {
  %zero = arith.constant 0.0 : f32
  %qre = tensor.empty() : tensor<3x83x21xbf16>
  %qr = linalg.generic {indexing_maps = [affine_map<(h, i, d) -> (i, h, d)>, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%q : tensor<83x3x21xf32>) outs(%qre : tensor<3x83x21xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<3x83x21xbf16>
  // Both right sides are rounded on their way into columns.
  %vre = tensor.empty() : tensor<3x84x36xbf16>
  %vr = linalg.generic {indexing_maps = [affine_map<(h, j, d) -> (h, d, j)>, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v : tensor<3x36x84xf32>) outs(%vre : tensor<3x84x36xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<3x84x36xbf16>
  %t = tensor.empty() : tensor<3x21x84xbf16>
  %kt = linalg.generic {indexing_maps = [affine_map<(h, d, j) -> (j, h, d)>, affine_map<(h, d, j) -> (h, d, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%k : tensor<84x3x21xf32>) outs(%t : tensor<3x21x84xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<3x21x84xbf16>
  %e = tensor.empty() : tensor<3x83x84xf32>
  %e0 = linalg.fill ins(%zero : f32) outs(%e : tensor<3x83x84xf32>) -> tensor<3x83x84xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, d, j)>, affine_map<(h, i, j, d) -> (h, i, j)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%qr, %kt : tensor<3x83x21xbf16>, tensor<3x21x84xbf16>) outs(%e0 : tensor<3x83x84xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<3x83x84xf32>
  %pe = tensor.empty() : tensor<3x83x84xbf16>
  %p = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<3x83x84xf32>) outs(%pe : tensor<3x83x84xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<3x83x84xbf16>
  %f = tensor.empty() : tensor<3x83x36xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<3x83x36xf32>) -> tensor<3x83x36xf32>
  %heads = linalg.generic {indexing_maps = [affine_map<(h, i, d, j) -> (h, i, j)>, affine_map<(h, i, d, j) -> (h, j, d)>, affine_map<(h, i, d, j) -> (h, i, d)>],
                           iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %vr : tensor<3x83x84xbf16>, tensor<3x84x36xbf16>) outs(%f0 : tensor<3x83x36xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<3x83x36xf32>
  %o = tensor.empty() : tensor<83x3x36xf32>
  %out = linalg.transpose ins(%heads : tensor<3x83x36xf32>) outs(%o : tensor<83x3x36xf32>) permutation = [1, 0, 2]
  return %out : tensor<83x3x36xf32>
}
