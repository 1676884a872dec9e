/* cli/sqlite.c - see sqlite.h. */
#include "sqlite.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "status.h"

static const char library[] = "libsqlite3.so.0";

int sqlite_load(struct sqlite *functions) {
  static const struct {
    const char *name;
    size_t offset;
  } symbols[] = {
#define SQLITE_SYMBOL(name, result, parameters) {"sqlite3_" #name, offsetof(struct sqlite, name)},
      SQLITE_FUNCTIONS(SQLITE_SYMBOL)
#undef SQLITE_SYMBOL
  };
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

  if (handle == NULL)
    return fail_with(STATUS_STORE,
                     "%s cannot be loaded (%s); install the Debian package "
                     "libsqlite3-0",
                     library, dlerror());
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    void *address = dlsym(handle, symbols[i].name);
    if (address == NULL)
      return fail_with(STATUS_STORE, "%s has no %s", library, symbols[i].name);
    memcpy((char *)functions + symbols[i].offset, &address, sizeof address);
  }
  return STATUS_OK; /* it stays loaded until the process ends */
}
