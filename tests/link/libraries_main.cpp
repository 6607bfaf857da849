// Loads two libraries that hold kernels for different GPUs, and asks both. Usage: program FIRST SECOND
#include <cstdio>

#include <dlfcn.h>

int main(int count, char** words) {
  if (count != 3) return 2;
  int right = 0;
  for (int number = 1; number <= 2; ++number) {
    void* const library = dlopen(words[number], RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) return std::puts(dlerror()), 2;
    const auto run = reinterpret_cast<int (*)()>(dlsym(library, number == 1 ? "run_1" : "run_2"));
    if (run == nullptr) return std::puts(dlerror()), 2;
    const int got = run();
    right += got == number || got == -1;
  }
  return right == 2 ? 0 : 1;
}
