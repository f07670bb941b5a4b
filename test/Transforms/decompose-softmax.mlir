// RUN: quant-opt %s --lowbit-decompose-softmax | FileCheck %s
// RUN: quant-opt %s --lowbit-compile -o /dev/null
// RUN: quant-opt %s --lowbit-compile=target=reference -o /dev/null

// The largest element of a row goes first, along the axis that is said.
// CHECK-LABEL: func @rows
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32>
//       CHECK:   %[[M:.*]] = linalg.generic {{.*}}["parallel", "reduction"]{{.*}} ins(%[[X]] : tensor<4x8xf32>)
//       CHECK:     arith.max
//       CHECK:   %[[N:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[M]]
//       CHECK:     arith.subf
//       CHECK:     math.exp
//       CHECK:   %[[D:.*]] = linalg.generic {{.*}}["parallel", "reduction"]{{.*}} ins(%[[N]]
//       CHECK:     arith.addf
//       CHECK:   %[[Y:.*]] = linalg.generic {{.*}} ins(%[[N]], %[[D]]
//       CHECK:     arith.divf
//       CHECK:   return %[[Y]]
//   CHECK-NOT: linalg.softmax
func.func @rows(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
