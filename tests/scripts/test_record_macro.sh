#!/bin/bash
# What COPSE_RECORD takes and what it refuses to compile, with each compiler there is, as C17
# and as C++17. A refused struct must be refused with the sentence that tells what to do.
set -u
export LC_ALL=C
cd "${COPSE_SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1
passed=0 failed=0

compilers() { # LANGUAGE: those of this machine
  local compiler
  case $1 in c) set -- "${CC:-cc}" gcc clang ;; *) set -- "${CXX:-c++}" g++ clang++ ;; esac
  for compiler in "$@"; do
    command -v "$compiler" >/dev/null 2>&1 &&
      echo "$(readlink -f "$(command -v "$compiler")") $compiler"
  done | sort -u -k1,1 | cut -d' ' -f2
}

compile() { # COMPILER LANGUAGE, the program in $code; the messages go to standard output
  local language=$2 standard=c17
  [ "$language" = c ] || { language=c++ standard=c++17; }
  printf '#include <copse/record.h>\n%s\n' "$code" |
    "$1" -x "$language" -std="$standard" -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
      -Werror -Iinclude -fsyntax-only - 2>&1
}

count() { # OUTCOME NAME MESSAGES
  if [ "$1" = ok ]; then
    passed=$((passed + 1)) && echo "ok   $2"
  else
    failed=$((failed + 1)) && printf '%s\n' "$3" | head -20 && echo "FAIL $2"
  fi
}

takes() { # LANGUAGES NAME CODE
  local language compiler messages code=$3
  for language in $1; do
    for compiler in $(compilers "$language"); do
      if messages=$(compile "$compiler" "$language") && [ -z "$messages" ]; then
        count ok "$compiler takes $2"
      else
        count fail "$compiler takes $2" "$messages"
      fi
    done
  done
}

refuses() { # LANGUAGES NAME SENTENCE CODE: the sentence is a regular expression
  local language compiler messages code=$4
  for language in $1; do
    for compiler in $(compilers "$language"); do
      if messages=$(compile "$compiler" "$language"); then
        count fail "$compiler refuses $2" "it compiled"
      elif printf '%s' "$messages" | grep -Eq -- "$3"; then
        count ok "$compiler refuses $2"
      else
        count fail "$compiler refuses $2" "$messages"
      fi
    done
  done
}

record() { # MEMBERS FIELDS: a struct r and its COPSE_RECORD
  printf 'struct r { %s };\n#define R_FIELDS(F) %s\nCOPSE_RECORD(r, R_FIELDS)\n' "$1" "$2"
}

# --- taken ------------------------------------------------------------------------------

takes "c c++" "scalars, arrays and matrices" "$(record \
  'uint64_t a; unsigned long long b; int64_t c[2][2]; long long d; double e, f[3]; uint32_t g;
   int32_t h[1]; float i; uint16_t j[2]; int16_t k; uint8_t l; int8_t m; char n[6], o;
   uint8_t p[2]; char q[3]; uint8_t s; char t[7]; double u[2], v[3][2]; float w[2][2];' \
  'F(u64, a, 1) F(u64, b, 1) F(i64, c, 4) F(i64, d, 1) F(f64, e, 1) F(f64, f, 3) F(u32, g, 1)
   F(i32, h, 1) F(f32, i, 1) F(u16, j, 2) F(i16, k, 1) F(u8, l, 1) F(i8, m, 1) F(text, n, 6)
   F(text, o, 1) F(bytes, p, 2) F(bytes, q, 3) F(pad, s, 1) F(pad, t, 7) F(c64, u, 1)
   F(c64, v, 3) F(c32, w, 2)' | tr '\n' ' ' | sed 's/#define/\n#define/; s/COPSE_RECORD/\n&/')"
takes "c c++" "a count that is a constant expression" "#define N 4
$(record 'double m[N][N];' 'F(f64, m, N * N)')"
takes "c c++" "members named like what the macro uses" "$(record \
  'uint32_t layout, fields, size, r, name, kind;' \
  'F(u32, layout, 1) F(u32, fields, 1) F(u32, size, 1) F(u32, r, 1) F(u32, name, 1) F(u32, kind, 1)')"
takes "c c++" "kinds that the program uses as names of its own" "typedef uint64_t u64; typedef uint8_t u8;
$(record 'u64 a; u8 b[8];' 'F(u64, a, 1) F(bytes, b, 8)')"
takes "c c++" "a large record with a large alignment" "$(record \
  'double a[65] __attribute__((aligned(64))); char p[56];' 'F(f64, a, 65) F(pad, p, 56)')"
takes "c" "_Complex" "$(record 'double _Complex a, b[2][2]; float _Complex c; float d[2];' \
  'F(c64, a, 1) F(c64, b, 4) F(c32, c, 1) F(c32, d, 1)')"
takes "c++" "std::complex, three dimensions, a namespace" "#include <complex>
namespace n {
$(record 'std::complex<double> a, b[2][2]; std::complex<float> c; int64_t d[2][2][2];' \
  'F(c64, a, 1) F(c64, b, 4) F(c32, c, 1) F(i64, d, 8)')
}"

# --- bytes that no field describes ---------------------------------------------------------

gap="the struct has bytes that no field describes: add a pad field"
refuses "c c++" "padding between fields" "field b: $gap before it" \
  "$(record 'uint32_t a; uint64_t b;' 'F(u32, a, 1) F(u64, b, 1)')"
refuses "c c++" "padding at the end" "struct r: $gap after the last one" \
  "$(record 'uint64_t a; uint32_t b;' 'F(u64, a, 1) F(u32, b, 1)')"
refuses "c c++" "a member left out in the middle" "field c: $gap before it" \
  "$(record 'uint64_t a, b, c;' 'F(u64, a, 1) F(u64, c, 1)')"
refuses "c c++" "a member left out at the end" "struct r: $gap after the last one" \
  "$(record 'uint64_t a, b;' 'F(u64, a, 1)')"
refuses "c c++" "a member left out at the start" "field b: $gap before it" \
  "$(record 'uint64_t a, b;' 'F(u64, b, 1)')"

# --- types ------------------------------------------------------------------------------

refuses "c c++" "a type of another size" "field a: its C type does not fit the kind u64" \
  "$(record 'uint32_t a[2];' 'F(u64, a, 1)')"
refuses "c c++" "another sign" "field a: its C type does not fit the kind u32" \
  "$(record 'int32_t a;' 'F(u32, a, 1)')"
refuses "c c++" "a float for an integer" "field a: its C type does not fit the kind u64" \
  "$(record 'double a;' 'F(u64, a, 1)')"
refuses "c c++" "bytes for text" "field a: its C type does not fit the kind text" \
  "$(record 'uint8_t a[8];' 'F(text, a, 8)')"
refuses "c c++" "an array of floats for complex doubles" "field a: its C type does not fit the kind c64" \
  "$(record 'float a[4];' 'F(c64, a, 1)')"
# C has enums of the type unsigned int.
refuses "c++" "an enum" "field a: its C type does not fit the kind u32" \
  "enum side { BUY, SELL }; $(record 'enum side a;' 'F(u32, a, 1)')"
refuses "c" "a bool" "field a: its C type does not fit the kind u8" \
  "$(record '_Bool a;' 'F(u8, a, 1)')"
refuses "c++" "a bool" "field a: its C type does not fit the kind u8" \
  "$(record 'bool a;' 'F(u8, a, 1)')"
refuses "c c++" "a struct" "field a: its C type does not fit the kind u64" \
  "struct inner { uint64_t x; }; $(record 'struct inner a;' 'F(u64, a, 1)')"

# --- pointers ---------------------------------------------------------------------------

refuses "c c++" "a pointer as a number" "field a: its C type does not fit the kind u64" \
  "$(record 'void *a;' 'F(u64, a, 1)')"
refuses "c c++" "a pointer to the kind's type" "field a: its C type does not fit the kind u8" \
  "$(record 'uint8_t *a;' 'F(u8, a, 8)')"
refuses "c c++" "a pointer to text" "field a: its C type does not fit the kind text" \
  "$(record 'char *a;' 'F(text, a, 8)')"
refuses "c c++" "an array of pointers" "field a: its C type does not fit the kind f64" \
  "$(record 'double *a[2];' 'F(f64, a, 2)')"
refuses "c c++" "a pointer to an array" "field a: its C type does not fit the kind f64" \
  "$(record 'double (*a)[2];' 'F(f64, a, 1)')"
refuses "c c++" "a pointer to a function" "field a: its C type does not fit the kind u64" \
  "$(record 'uint64_t (*a)(void);' 'F(u64, a, 1)')"
refuses "c c++" "a kind for pointers" "COPSE_FIELD_ptr" "$(record 'void *a;' 'F(ptr, a, 1)')"
refuses "c++" "a class that looks complex but points" "field a: its C type does not fit the kind c64" \
  "struct view { typedef double value_type; double *data; uint64_t size; };
   $(record 'view a;' 'F(c64, a, 1)')"
refuses "c++" "a reference" "field a: its C type does not fit the kind u64" \
  "$(record 'uint64_t &a;' 'F(u64, a, 1)')"

# --- order, count, names, limits ------------------------------------------------------------

refuses "c c++" "fields in another order" "field a: list the fields in the order of the struct" \
  "$(record 'uint64_t a; double b;' 'F(f64, b, 1) F(u64, a, 1)')"
refuses "c c++" "members of a union" "field b: list the fields in the order of the struct" \
  "$(record 'union { uint64_t a; double b; };' 'F(u64, a, 1) F(f64, b, 1)' | sed 's/^struct/__extension__ struct/')"
refuses "c c++" "a count too small" "field a: it has another size than 3 x i32" \
  "$(record 'int32_t a[4];' 'F(i32, a, 3)')"
refuses "c c++" "a count too large" "field a: it has another size than 5 x i32" \
  "$(record 'int32_t a[4];' 'F(i32, a, 5)')"
refuses "c c++" "a count of 0" "field a: it has another size than 0 x i32" \
  "$(record 'int32_t a;' 'F(i32, a, 0)')"
refuses "c c++" "half a complex number" "field a: it has another size than 1 x c64" \
  "$(record 'double a;' 'F(c64, a, 1)')"
refuses "c c++" "a field listed twice" "duplicate|redeclaration" \
  "$(record 'uint64_t a, b;' 'F(u64, a, 1) F(u64, a, 1)')"
refuses "c c++" "a member that is not there" "'b'" "$(record 'uint64_t a;' 'F(u64, b, 1)')"
refuses "c c++" "an unknown kind" "COPSE_FIELD_u128" "$(record 'uint64_t a;' 'F(u128, a, 1)')"
long=$(printf 'x%.0s' $(seq 64))
refuses "c c++" "a name of 64 bytes" "has more than COPSE_FIELD_NAME_MAX bytes" \
  "$(record "uint64_t $long;" "F(u64, $long, 1)")"
refuses "c c++" "a record of 4104 bytes" "struct r: it has more than COPSE_RECORD_MAX bytes" \
  "$(record 'uint64_t a[513];' 'F(u64, a, 513)')"
refuses "c c++" "a small record with a large alignment" \
  "struct r: it needs an alignment that lent values do not have" \
  "$(record 'double a[8] __attribute__((aligned(64)));' 'F(f64, a, 8)')"
refuses "c++" "a class with a virtual function" "a record must be a plain struct" \
  "$(record 'virtual ~r() {} uint64_t a;' 'F(u64, a, 1)')"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
