/* copse/copse.h - everything. Programs may include single headers instead. */
#ifndef COPSE_COPSE_H
#define COPSE_COPSE_H

#include "acid.h"
#include "arena.h"
#include "batch.h"
#include "copy.h"
#include "cursor.h"
#include "dom.h"
#include "error.h"
#include "follow.h"
#include "inspect.h"
#include "key.h"
#include "lease.h"
#include "map.h"
#include "markup.h"
#include "record.h"
#include "selector.h"
#include "sink.h"
#include "store.h"
#include "transaction.h"
#include "tree.h"

#endif
