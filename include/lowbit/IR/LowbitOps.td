//===- LowbitOps.td - all ops, for one generated file ---------------------===//
include "lowbit/IR/ContractOp.td"
include "lowbit/IR/GroupedMatmulOp.td"
include "lowbit/IR/MatmulOp.td"
include "lowbit/IR/QuantizeOps.td"
include "lowbit/IR/StorageOps.td"
