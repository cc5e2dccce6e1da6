// What Debian's C++ library for WebAssembly leaves out: exceptions, and the end of threads.
//
// What is thrown is told to the page, which throws it on, as a JavaScript error, and gives the instance up:
// nothing on its stack is destroyed. Every catch of the library is left out of this build
// (-fignore-exceptions); what they add to a message is missing here, such as which layer an error is about.
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <typeinfo>

extern "C" {

[[noreturn, clang::import_module("page"), clang::import_name("thrown")]] void page_thrown(const char* what);

void* __cxa_allocate_exception(std::size_t size) noexcept {
  return std::malloc(size);
}

// All that the library throws is a std::exception, and begins with it.
[[noreturn]] void __cxa_throw(void* thrown, std::type_info*, void (*)(void*)) {
  page_thrown(static_cast<const std::exception*>(thrown)->what());
}

// The only thread ends with the page.
int __cxa_thread_atexit(void (*)(void*), void*, void*) noexcept {
  return 0;
}

}  // extern "C"
