// RUN: quant-opt %s --lowbit-report-assertions --split-input-file --verify-diagnostics

// Who calls through an address has no status to hand over.
func.func private @asserts(%holds: i1) {
  cf.assert %holds, "it holds"
  return
}
func.func @f() {
  // expected-error@+1 {{'func.constant' op uses function `asserts`, whose assertions are its caller's; expected a direct call}}
  %0 = func.constant @asserts : (i1) -> ()
  return
}

// -----

// Loops must be branches by now.
func.func @f(%holds: i1, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{'scf.for' op has an assertion inside of it; expected branches, or loops of OpenMP, around assertions}}
  scf.for %i = %c0 to %n step %c1 {
    cf.assert %holds, "it holds"
  }
  return
}
