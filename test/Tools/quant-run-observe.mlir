// RUN: %python %S/Inputs/arrays.py %t.npz 'x=float32:3x2x4:1,2,3,4,5,6,7,8,-1,-2,-3,-4,0,0,0,0,0.5,0.25,9,0,0,0,0,-0.125'
// RUN: quant-run %s --inputs %t.npz --observe %t.json && FileCheck %s --check-prefix=CHANNELS --input-file %t.json
// RUN: quant-run %s --inputs %t.npz --observe %t.again.json && cmp %t.json %t.again.json
// RUN: quant-run %s --inputs %t.npz --observe %t.tensor.json --observer 'percentile<99.0>' --observe-axes tensor --observe-sites 'qu*' --target reference
// RUN: FileCheck %s --check-prefix=TENSOR --input-file %t.tensor.json
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-name-sites,lowbit-insert-observers)' -o %t.observed.mlir
// RUN: quant-run %t.observed.mlir --inputs %t.npz --observe %t.observed.json && cmp %t.json %t.observed.json

// The samples of a file are runs; the same data give the same file, byte for byte, whether or not the module has its observers already.
// CHANNELS: {"kind":"lowbit statistics","version":1,"model":"{{[0-9a-f]+}}","runs":3,"sites":[
// CHANNELS-NEXT: {"name":"query","observer":"#lowbit.minmax","shape":[2,4],"axes":[1],"states":{{\[\[}}-1,5],[-2,6],[-3,9],[-4,8]],
// TENSOR: "observer":"#lowbit.percentile<99.0>","shape":[2,4],"axes":[],"states":[{"bins":4096,{{.*}}"range":[-4,9]}]

// RUN: %python %S/Inputs/arrays.py %t.nan.npz 'x=float32:2x2x4:1,2,3,4,5,6,7,8,1,2,3,4,5,nan,7,8'
// RUN: rm -f %t.bad.json
// RUN: not quant-run %s --inputs %t.nan.npz --observe %t.bad.json 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not test -e %t.bad.json
// NAN: error: site `query` has NaN at [1, 1] in run 1; calibration needs finite values, check the data and the model
// RUN: %python %S/Inputs/arrays.py %t.empty.npz 'x=float32:0x2x4:'
// RUN: not quant-run %s --inputs %t.empty.npz --observe %t.bad.json 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: error: no data to calibrate on; expected at least one sample
// RUN: %python %S/Inputs/arrays.py %t.shape.npz 'x=float32:1x4x2:1,2,3,4,5,6,7,8'
// RUN: not quant-run %s --inputs %t.shape.npz --observe %t.bad.json 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: {{.*}}shape.npz{{.*}}`x`
// RUN: not quant-run %s --inputs %t.npz --observe %t.bad.json --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=OUTPUT
// OUTPUT: error: --observe writes statistics only; leave --output and --time out
// RUN: not quant-run %s --observe %t.bad.json 2>&1 | FileCheck %s --check-prefix=NODATA
// NODATA: error: --observe needs data; give it as --inputs
// RUN: not quant-run %s --inputs %t.npz --observe %t.bad.json --observe-sites key 2>&1 | FileCheck %s --check-prefix=SITE
// SITE: error: pattern `key` matches no activation
// RUN: not quant-run %s --inputs %t.npz --observe %t/no/such/folder.json 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: error: {{.*}}folder.json{{.*}}No such file or directory
// RUN: %python %S/Inputs/arrays.py %t.more.npz 'x=float32:2x4:1,2,3,4,5,6,7,8' 'labels=float32:1:1'
// RUN: not quant-run %s --inputs %t.more.npz --observe %t.bad.json 2>&1 | FileCheck %s --check-prefix=MORE
// MORE: error: {{.*}}array `labels` is no input of `main`

// A file that is not of this model is refused before anything is rewritten.
// RUN: sed s/\"query\"/\"key\"/ %s > %t.other.mlir
// RUN: not quant-opt %t.other.mlir --lowbit-quantize="recipe=w8a8 stats=%t.json" 2>&1 | FileCheck %s --check-prefix=MODEL
// MODEL: error: statistics are of another model: they have site `query`, which this one has not; calibrate this model
// RUN: quant-opt %s --lowbit-quantize="recipe=w8a8 stats=%t.json" | FileCheck %s --check-prefix=QUANTIZED
// QUANTIZED: lowbit.contract
func.func @main(%x: tensor<2x4xf32> {lowbit.name = "x"}) -> (tensor<2x6xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense<0.5> : tensor<4x6xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2x6xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x6xf32>) -> tensor<2x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x6xf32>) outs(%init : tensor<2x6xf32>) -> tensor<2x6xf32> loc("query")
  return %y : tensor<2x6xf32>
}
