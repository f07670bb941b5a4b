// RUN: quant-opt %s --lowbit-differentiate --split-input-file --verify-diagnostics

// expected-error @below {{`loss` cannot be differentiated: its first result is 'tensor<4xf32>', not a scalar; expected a loss of type `tensor<f32>`}}
func.func @loss(%x: tensor<4xf32> {lowbit.name = "x", lowbit.parameter = "other"}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{has no parameter; name arguments by `wrt`, or run `lowbit-extract-parameters` first}}
func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// expected-error @below {{`n` is of type 'tensor<i32>', by which nothing can be differentiated; expected a tensor of floats}}
func.func @loss(%x: tensor<f32>, %n: tensor<i32> {lowbit.name = "n", lowbit.parameter = "other"}) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// expected-error @below {{the loss depends on nothing that is differentiated by}}
func.func @loss(%x: tensor<f32>, %w: tensor<f32> {lowbit.name = "w", lowbit.parameter = "other"}) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// A body op without a derivative.
func.func @loss(%x: tensor<f32> {lowbit.name = "x", lowbit.parameter = "other"}, %e: tensor<f32>) -> tensor<f32> {
  %y = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%x : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    // expected-error @below {{`math.roundeven` has no derivative, and the loss depends through it on what is differentiated by}}
    %0 = math.roundeven %a : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// A product over an axis.
func.func @loss(%x: tensor<4xf32> {lowbit.name = "x", lowbit.parameter = "other"}, %one: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{`linalg.generic` has no derivative: result 0 is reduced by something else than a sum, a maximum or a minimum}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%one : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// An axis that is no loop.
func.func @loss(%x: tensor<7xf32> {lowbit.name = "x", lowbit.parameter = "other"}, %start: tensor<f32>, %four: tensor<4xf32>) -> tensor<f32> {
  // expected-error @below {{`linalg.generic` has no derivative by operand 0, which is read by affine_map<(d0) -> (d0 * 2)>; expected each axis to follow one loop, or a window}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (2 * i)>, affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x, %four : tensor<7xf32>, tensor<4xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// A body that reads an active value past its operands.
func.func @loss(%x: tensor<f32> {lowbit.name = "x", lowbit.parameter = "other"}, %e: tensor<f32>) -> tensor<f32> {
  %number = tensor.extract %x[] : tensor<f32>
  // expected-error @below {{`linalg.generic` has no derivative: its body reads a value from outside that depends on what is differentiated by}}
  %y = linalg.generic {indexing_maps = [affine_map<() -> ()>], iterator_types = []} outs(%e : tensor<f32>) {
  ^bb0(%o: f32):
    linalg.yield %number : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// Control flow.
func.func @loss(%x: tensor<f32> {lowbit.name = "x", lowbit.parameter = "other"}, %c: i1) -> tensor<f32> {
  // expected-error @below {{`scf.if` has no derivative, and the loss depends through it on what is differentiated by}}
  %y = scf.if %c -> tensor<f32> {
    scf.yield %x : tensor<f32>
  } else {
    scf.yield %x : tensor<f32>
  }
  return %y : tensor<f32>
}

// -----

// The start of a maximum.
func.func @loss(%x: tensor<4xf32>, %start: tensor<f32> {lowbit.name = "s", lowbit.parameter = "other"}) -> tensor<f32> {
  // expected-error @below {{has no derivative: the start of its maximum or minimum depends on what is differentiated by; expected a constant}}
  %y = linalg.reduce { arith.maximumf } ins(%x : tensor<4xf32>) outs(%start : tensor<f32>) dimensions = [0]
  return %y : tensor<f32>
}

// -----

// expected-error @below {{the module has `loss_gradients` already; expected a name that is free}}
func.func @loss(%x: tensor<f32> {lowbit.name = "x", lowbit.parameter = "other"}) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func @loss_gradients() {
  return
}

// -----

// expected-error @below {{has no function `loss`}}
module {
}
