/* AMX for 8-bit codes on processors without it: the instructions are illegal there, and what handles that computes them, one after the other,
 * as Intel's manual says. Linked into a test program; nothing has to be called. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

static struct {
  uint8_t rows;
  uint16_t bytes;
  uint8_t data[16][64];
} tiles[8];

static greg_t *general(greg_t *registers, int number) {
  static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return &registers[order[number]];
}

/* A memory operand: where it begins, the index register as a stride, and its bytes in the instruction. */
struct memory {
  uint8_t *address;
  int64_t stride;
  int length;
};

static struct memory decode(const uint8_t *code, int x, int b, greg_t *registers) {
  int mode = code[0] >> 6, base = code[0] & 7;
  struct memory memory = {0, 0, 1};
  if (base == 4) {
    int index = ((code[1] >> 3) & 7) | x << 3;
    base = code[1] & 7;
    memory.stride = index == 4 ? 0 : *general(registers, index) << (code[1] >> 6);
    memory.length = 2;
  }
  int64_t address = mode == 0 && base == 5 ? 0 : *general(registers, base | b << 3);
  if (mode == 1) {
    address += (int8_t)code[memory.length];
    memory.length += 1;
  } else if (mode == 2 || base == 5) {
    int32_t displacement;
    memcpy(&displacement, code + memory.length, 4);
    address += displacement;
    memory.length += 4;
  }
  memory.address = (uint8_t *)address;
  return memory;
}

static void configure(const uint8_t *config) {
  for (int i = 0; i < 8; ++i) {
    memcpy(&tiles[i].bytes, config + 16 + 2 * i, 2);
    tiles[i].rows = config[48 + i];
    memset(tiles[i].data, 0, sizeof tiles[i].data);
  }
}

static int code_at(uint8_t byte, int is_signed) { return is_signed ? (int8_t)byte : byte; }

static void multiply(int sum, int left, int right, int left_signed, int right_signed) {
  for (int row = 0; row < tiles[sum].rows; ++row)
    for (int column = 0; column < tiles[sum].bytes / 4; ++column) {
      uint32_t total;
      memcpy(&total, &tiles[sum].data[row][4 * column], 4);
      for (int k = 0; k < tiles[left].bytes; ++k)
        total += (uint32_t)(code_at(tiles[left].data[row][k], left_signed) * code_at(tiles[right].data[k / 4][4 * column + k % 4], right_signed));
      memcpy(&tiles[sum].data[row][4 * column], &total, 4);
    }
}

static void transfer(int tile, struct memory memory, int is_store) {
  for (int row = 0; row < tiles[tile].rows; ++row) {
    uint8_t *bytes = memory.address + row * memory.stride;
    memcpy(is_store ? bytes : tiles[tile].data[row], is_store ? tiles[tile].data[row] : bytes, tiles[tile].bytes);
  }
}

/* Executes one instruction; its length, or 0 where it is none of these. Prefixes: 0 none, 1 is 66, 2 is F3, 3 is F2. */
static int execute(const uint8_t *code, greg_t *registers) {
  int prefix = code[2] & 3, other = ~(code[2] >> 3) & 15, tile = (code[4] >> 3) & 7, is_register = code[4] >> 6 == 3;
  struct memory memory = {0, 0, 1};
  if (code[0] != 0xC4 || (code[1] & 31) != 2)
    return 0;
  if (!is_register)
    memory = decode(code + 4, !(code[1] & 0x40), !(code[1] & 0x20), registers);
  if (code[3] == 0x49 && prefix == 0 && !is_register)
    configure(memory.address);
  else if (code[3] == 0x49 && prefix == 0)
    memset(tiles, 0, sizeof tiles);
  else if (code[3] == 0x49 && prefix == 3)
    memset(tiles[tile].data, 0, sizeof tiles[tile].data);
  else if (code[3] == 0x5E)
    multiply(tile, code[4] & 7, other, prefix >= 2, prefix % 2 == 1);
  else if (code[3] == 0x4B && prefix != 0)
    transfer(tile, memory, prefix == 2);
  else
    return 0;
  return 4 + memory.length;
}

static void on_illegal(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *code = (const uint8_t *)registers[REG_RIP];
  int length = execute(code, registers);
  (void)number, (void)info;
  if (length == 0) {
    fprintf(stderr, "illegal instruction %02x %02x %02x %02x %02x\n", code[0], code[1], code[2], code[3], code[4]);
    _Exit(1);
  }
  registers[REG_RIP] += length;
}

__attribute__((constructor)) static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, 0);
}
