/* A loader of OpenCL for tests, on the host, with one device: shared memory is memory, and kernels are not run: it
   counts what is alive and what is asked for, and fails when it is told to. `fake_set(name, value)` tells it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What can be set, and what is counted. */
static struct {
  const char *name;
  long value;
} numbers[] = {
    {"platforms", 1},   {"svm", 1},       {"fail_load", 0}, {"fail_build", 0}, {"fail_kernel", 0},  {"fail_argument", 0},
    {"fail_launch", 0}, {"fail_copy", 0}, {"no_memory", 0}, {"programs", 0},   {"kernels", 0},      {"allocations", 0},
    {"launches", 0},    {"builds", 0},    {"uploads", 0},   {"contexts", 0},   {"out_of_order", 0},
};

static long *number(const char *name) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
    if (!strcmp(numbers[i].name, name))
      return &numbers[i].value;
  fprintf(stderr, "fake_opencl: no number `%s`\n", name);
  abort();
}

void fake_set(const char *name, long value) { *number(name) = value; }
long fake_get(const char *name) { return *number(name); }

enum { Success = 0, DeviceNotFound = -1, InvalidValue = -30, InvalidQueue = -36 };
static char platform, device, context, queue;

static int give(const void *answer, size_t size, size_t bytes, void *value, size_t *needed) {
  if (needed)
    *needed = size;
  if (value)
    memcpy(value, answer, size < bytes ? size : bytes);
  return Success;
}

/* -- Devices ------------------------------------------------------------------ */

int clGetPlatformIDs(uint32_t most, void **platforms, uint32_t *count) {
  if (platforms && most && *number("platforms"))
    *platforms = &platform;
  if (count)
    *count = (uint32_t)*number("platforms");
  return *number("platforms") ? Success : -1001;
}
int clGetDeviceIDs(void *of, uint64_t type, uint32_t most, void **devices, uint32_t *count) {
  (void)type, (void)most;
  if (devices)
    *devices = &device;
  if (count)
    *count = 1;
  return of == &platform ? Success : DeviceNotFound;
}
int clGetDeviceInfo(void *of, uint32_t what, size_t bytes, void *value, size_t *needed) {
  (void)of;
  uint64_t word = what == 0x1053 ? (uint64_t)*number("svm") : 0;
  const char *text = what == 0x102B ? "Fake device" : what == 0x1030 ? "cl_khr_integer_dot_product" : what == 0x105B ? "SPIR-V_1.4" : NULL;
  return text ? give(text, strlen(text) + 1, bytes, value, needed) : give(&word, sizeof word, bytes, value, needed);
}
void *clCreateContext(const intptr_t *properties, uint32_t count, void *const *devices, void *notify, void *user, int *status) {
  (void)properties, (void)count, (void)devices, (void)notify, (void)user;
  return ++*number("contexts"), *status = Success, &context;
}
int clRetainContext(void *of) { return (void)of, ++*number("contexts"), Success; }
int clReleaseContext(void *of) { return (void)of, --*number("contexts"), Success; }
void *clCreateCommandQueueWithProperties(void *in, void *of, const uint64_t *properties, int *status) {
  return (void)in, (void)of, (void)properties, *status = Success, &queue;
}
int clGetCommandQueueInfo(void *of, uint32_t what, size_t bytes, void *value, size_t *needed) {
  void *answer = what == 0x1090 ? &context : what == 0x1091 ? (void *)&device : (void *)*number("out_of_order");
  return of == &queue ? give(&answer, sizeof answer, bytes, value, needed) : InvalidQueue;
}

/* -- Memory ------------------------------------------------------------------- */

void *clSVMAlloc(void *in, uint64_t flags, size_t bytes, uint32_t alignment) {
  (void)in, (void)flags;
  if (*number("no_memory"))
    return NULL;
  ++*number("allocations");
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void clSVMFree(void *in, void *memory) { (void)in, --*number("allocations"), free(memory); }
int clEnqueueSVMMemcpy(void *on, uint32_t blocking, void *target, const void *source, size_t bytes, uint32_t waits, void *const *events,
                       void **event) {
  (void)blocking, (void)waits, (void)events, (void)event;
  if (on != &queue || *number("fail_copy"))
    return on != &queue ? InvalidQueue : (int)*number("fail_copy");
  return ++*number("uploads"), memcpy(target, source, bytes), Success;
}
int clFinish(void *on) { return on == &queue ? Success : InvalidQueue; }

/* -- Kernels ------------------------------------------------------------------ */

void *clCreateProgramWithIL(void *in, const void *code, size_t bytes, int *status) {
  const uint32_t magic = 0x07230203;
  (void)in;
  *status = *number("fail_load") ? (int)*number("fail_load") : bytes < 20 || memcmp(code, &magic, sizeof magic) ? -42 : Success;
  return *status ? NULL : (++*number("programs"), malloc(1));
}
int clBuildProgram(void *program, uint32_t count, void *const *devices, const char *options, void *notify, void *user) {
  (void)program, (void)count, (void)devices, (void)options, (void)notify, (void)user;
  return ++*number("builds"), (int)*number("fail_build");
}
int clGetProgramBuildInfo(void *program, void *of, uint32_t what, size_t bytes, void *value, size_t *needed) {
  const char log[] = "error: as the test asked for";
  return (void)program, (void)of, (void)what, give(log, sizeof log, bytes, value, needed);
}
int clReleaseProgram(void *program) { return free(program), --*number("programs"), Success; }
void *clCreateKernel(void *program, const char *name, int *status) {
  (void)program, (void)name;
  *status = (int)*number("fail_kernel");
  return *status ? NULL : (++*number("kernels"), malloc(1));
}
int clReleaseKernel(void *kernel) { return free(kernel), --*number("kernels"), Success; }
int clSetKernelArg(void *kernel, uint32_t index, size_t bytes, const void *value) {
  return (void)kernel, (void)index, bytes == 0 || !value ? InvalidValue : Success;
}
int clSetKernelArgSVMPointer(void *kernel, uint32_t index, const void *address) {
  return (void)kernel, (void)index, (void)address, (int)*number("fail_argument");
}
int clEnqueueNDRangeKernel(void *on, void *kernel, uint32_t dimensions, const size_t *offset, const size_t *global, const size_t *local,
                           uint32_t waits, void *const *events, void **event) {
  (void)kernel, (void)dimensions, (void)offset, (void)global, (void)local, (void)waits, (void)events, (void)event;
  if (on != &queue || *number("fail_launch"))
    return on != &queue ? InvalidQueue : (int)*number("fail_launch");
  return ++*number("launches"), Success;
}
void *fake_queue(void) { return &queue; }
