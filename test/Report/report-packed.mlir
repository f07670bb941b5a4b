// RUN: quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "four", "rules": [{"weight": {"format": "int<4>", "per": "channel", "group": 32, "scale": "f16"}}]}' --lowbit-report -o %t | FileCheck %s

// Below 8 bits bytes are those of packed codes: 32 rows of 5 codes are 32 x 3 bytes beside 5 scales of f16, and were 160 floats.
// CHECK: "bytes": {
// CHECK-NEXT: "float": 640,
// CHECK-NEXT: "quantized": 106
// CHECK: "sites": [
// CHECK: "bytes": {
// CHECK-NEXT: "float": 640,
// CHECK-NEXT: "quantized": 106
// CHECK: "sqnr_db": {{[0-9.]+}}
func.func @main(%x: tensor<4x32xf32>) -> tensor<4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense_resource<w> : tensor<32x5xf32>
  %e = tensor.empty() : tensor<4x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x32xf32>, tensor<32x5xf32>) outs(%i : tensor<4x5xf32>) -> tensor<4x5xf32> loc("fc")
  return %r : tensor<4x5xf32>
}
{-# dialect_resources: { builtin: { w: "0x04000000d1223bbf85eb313f022b073f48e1fabebc7413bc17d9cebdd1229b3e46b6133f3bdf4fbf736871bf31082c3f4c3709be6666063fdbf97ebf643bdfbde5d0e23e83c00abf9318643f68914d3f4e6270bfaaf172bfe7fba93d9cc4603f46b673bee92611bf77be1fbee92671bf8d970ebfb6f3fdbd6f1203bc39b408bf5eba09bf3bdf0fbf54e3a5bd3d0ad7bef4fd74bfcdcc2c3f8b6ce73d85eb913e9cc420bff6287c3fec51383f4a0c42bf1f85abbee5d0e23e6210d83eee7c5f3f77be1fbec3f5283f8d97ae3e4c37c9be3333333e0ad7433fe926313f5839343ca245363e04566ebf0ad703bfec51183fa01a2fbe8b6c27bf39b4c83d3bdfcf3e21b0b23e128380be23dbf9bd96438b3c8d970e3f31082c3dac1c5abe3108acbc60e570bf5eba69bf4e62d03ec74b773fc9763e3eac1c5abe39b428bf6f12833bb4c8763ffa7e0a3fc1caa13d7593383f4c3709bf4260e53c14ae673f77be1f3e9eefa7bd3108ecbea69bc43de7fb693f1b2f7dbfe926113f9318243fcba1453fa245f63e3f351e3f508d173d6de7fb3d508d17bef85363bfa4703d3f295c0f3e9a9919bfbc74133c8fc2f5bc986e92be2db29dbe2db29d3d91ed7c3e6666663e3108acbdfca971bffa7e0abf426025bf560e2d3efed4383ffed4183f6210183f4a0c223f355efabe17d92e3fe926b13e068155bf508d77bf759378bfe5d0023f894100bf9eef47bf0000803e643b9fbe7f6a5cbf04562ebfae47613de7fb29bfb072e8be7593d83e355ebabda245b6bef4fd54bdcff773bfb07268bec1ca21be77be1fbf273148bfcdcc4c3f0ad7a33cf4fd14bf6210583ed34d223f7d3f75bfb4c876bff4fd34bf8941e03e7b142ebf7368d13ea245b63ea245b63da01a0fbfbc74733f" } } #-}
