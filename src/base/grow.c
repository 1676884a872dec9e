/* base/grow.c - arrays that grow, and that a forked child goes on with. */
#include "base/grow.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/points.h"
#include "copse/error.h"

#define LEAST 64u

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void base_grow_lock(void) { pthread_mutex_lock(&mutex); }
void base_grow_unlock(void) { pthread_mutex_unlock(&mutex); }

int base_grow_move(void *items, size_t *capacity, size_t count, size_t item_size) {
  size_t larger = *capacity < LEAST / 2 ? LEAST : *capacity * 2;
  void *old, *moved;
  if (larger < count)
    larger = count;
  memcpy(&old, items, sizeof old);
  base_grow_lock();
  moved = realloc(old, larger * item_size);
  POINT(array_moved);
  if (moved) {
    memcpy(items, &moved, sizeof moved);
    *capacity = larger;
  }
  base_grow_unlock();
  return moved ? 0 : COPSE_E_MEMORY;
}
