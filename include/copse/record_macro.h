/* copse/record_macro.h - COPSE_RECORD: the layout of a C struct, checked by the compiler.
 *
 * Included by record.h, which shows how to use it; works in C17 and C++17 with gcc and clang.
 * COPSE_RECORD(tag, FIELDS) defines
 *
 *     static inline const struct copse_layout *tag_layout(void);
 *
 * which returns the same completed layout on each call, from any thread. It compiles only if
 *   - the C type of each member fits its kind (table below) and has count elements,
 *   - the fields stand in the struct's order and describe each of its bytes,
 *   - the struct keeps the limits of record.h and the alignment of lent values.
 *
 * What a member may be, as a scalar or as an array of one or two dimensions (C++: of any
 * number), whose elements are counted together:
 *
 *     u8 i8 u16 i16 u32 i32   the type of <stdint.h>; not bool and not an enum, whose values
 *                             cannot be trusted when another program wrote them (a C compiler
 *                             lets an enum pass as the integer it is)
 *     u64 i64                 the type of <stdint.h>, or (unsigned) long long
 *     f32 f64                 float, double
 *     text                    char
 *     bytes pad               uint8_t, or char
 *     c32 c64                 two floats or doubles per element: T x[2 * count], T x[count][2],
 *                             T _Complex; in C++ also std::complex<T>. A struct that C and C++
 *                             share uses T x[count][2], which is standard in both.
 *
 * How the order is checked: a mirror struct has a char array of the member's size for each
 * field. It cannot have padding, so a field's offset in it is the number of bytes described
 * before that field. */
#ifndef COPSE_RECORD_MACRO_H
#define COPSE_RECORD_MACRO_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* X(kind, type): the second C type that fits a kind; the first is in COPSE_FIELD_KINDS. */
/* clang-format off */
#define COPSE_RECORD_OTHER_TYPES(X)                                                                \
  X(u8, uint8_t) X(i8, int8_t) X(u16, uint16_t) X(i16, int16_t) X(u32, uint32_t) X(i32, int32_t)   \
  X(u64, unsigned long long) X(i64, long long) X(f32, float) X(f64, double) X(text, char)          \
  X(bytes, char) X(pad, char) X(c32, float _Complex) X(c64, double _Complex)
/* clang-format on */

#define COPSE_RECORD_TYPE(kind, code, type, bytes) typedef type copse_record_type_##kind;
#define COPSE_RECORD_OTHER(kind, type) __extension__ typedef type copse_record_other_##kind;
COPSE_FIELD_KINDS(COPSE_RECORD_TYPE)
COPSE_RECORD_OTHER_TYPES(COPSE_RECORD_OTHER)
#undef COPSE_RECORD_TYPE
#undef COPSE_RECORD_OTHER

enum copse_record_size {
#define COPSE_RECORD_SIZE(kind, code, type, bytes) COPSE_RECORD_SIZE_##kind = bytes,
  COPSE_FIELD_KINDS(COPSE_RECORD_SIZE)
#undef COPSE_RECORD_SIZE
};

/* The macros below are used inside tag_layout(), where copse_record_self is the struct and
 * struct copse_record_mirror its mirror. */
#ifdef __cplusplus

#include <type_traits>
#include <utility>

namespace copse_record_detail {

/* std::complex<T> by what it can do: <complex> is a large header to include for a check. */
template <class M, class T, class = void> struct is_complex : std::false_type {};
template <class M, class T>
struct is_complex<M, T,
                  typename std::enable_if<
                      std::is_same<decltype(std::declval<const M &>().real()), T>::value &&
                      std::is_same<decltype(std::declval<const M &>().imag()), T>::value>::type>
    : std::integral_constant<bool,
                             sizeof(M) == 2 * sizeof(T) && std::is_trivially_copyable<M>::value> {};

template <class M, class Type, class Other, unsigned size> constexpr bool fits() {
  using element = typename std::remove_cv<typename std::remove_all_extents<M>::type>::type;
  return std::is_same<element, Type>::value || std::is_same<element, Other>::value ||
         (size == 2 * sizeof(Type) && is_complex<element, Type>::value);
}

} // namespace copse_record_detail

#define COPSE_RECORD_ASSERT(condition, message) static_assert(condition, message);
#define COPSE_RECORD_ALIGNOF(type) alignof(type)
#define COPSE_RECORD_MEMBER(member) copse_record_self::member
#define COPSE_RECORD_FITS(member, type, other, size)                                               \
  (copse_record_detail::fits<decltype(copse_record_self::member), type, other, size>())
#define COPSE_RECORD_PLAIN(tag)                                                                    \
  static_assert(std::is_standard_layout<struct tag>::value &&                                      \
                    std::is_trivially_copyable<struct tag>::value,                                 \
                "struct " #tag ": a record must be a plain struct, without virtual functions, "    \
                "bases or copy constructors");

#else

#define COPSE_RECORD_ASSERT(condition, message) _Static_assert(condition, message);
#define COPSE_RECORD_ALIGNOF(type) _Alignof(type)
#define COPSE_RECORD_MEMBER(member) (((copse_record_self *)0)->member)
/* _Generic sees an array as a pointer to its elements: true pointers are ruled out first. */
/* clang-format off */
#define COPSE_RECORD_IS(member, type)                                                              \
  (!__builtin_types_compatible_p(__typeof__(COPSE_RECORD_MEMBER(member)), type *) &&               \
   !__builtin_types_compatible_p(__typeof__(COPSE_RECORD_MEMBER(member)), type(*)[]) &&            \
   _Generic(COPSE_RECORD_MEMBER(member), type: 1, type *: 1, type(*)[]: 1, default: 0))
/* clang-format on */
#define COPSE_RECORD_FITS(member, type, other, size)                                               \
  (COPSE_RECORD_IS(member, type) || COPSE_RECORD_IS(member, other))
#define COPSE_RECORD_PLAIN(tag)

#endif

#define COPSE_RECORD_MIRROR(kind, member, count) char member[sizeof(COPSE_RECORD_MEMBER(member))];

#define COPSE_RECORD_ENTRY(kind, member, count)                                                    \
  {#member, COPSE_FIELD_##kind, offsetof(copse_record_self, member), (count)},

#define COPSE_RECORD_CHECK(kind, member, count)                                                    \
  COPSE_RECORD_ASSERT(sizeof(#member) <= COPSE_FIELD_NAME_MAX + 1,                                 \
                      "field " #member ": the name has more than COPSE_FIELD_NAME_MAX bytes")      \
  COPSE_RECORD_ASSERT(COPSE_RECORD_FITS(member, copse_record_type_##kind,                          \
                                        copse_record_other_##kind, COPSE_RECORD_SIZE_##kind),      \
                      "field " #member ": its C type does not fit the kind " #kind)                \
  COPSE_RECORD_ASSERT(sizeof(COPSE_RECORD_MEMBER(member)) == COPSE_RECORD_SIZE_##kind * (count),   \
                      "field " #member ": it has another size than " #count " x " #kind)           \
  COPSE_RECORD_ASSERT(offsetof(copse_record_self, member) >=                                       \
                          offsetof(struct copse_record_mirror, member),                            \
                      "field " #member ": list the fields in the order of the struct")             \
  COPSE_RECORD_ASSERT(offsetof(copse_record_self, member) <=                                       \
                          offsetof(struct copse_record_mirror, member),                            \
                      "field " #member ": the struct has bytes that no field describes: add a "    \
                      "pad field before it, or list the fields in the order of the struct")

/* Threads that come here together all store the same hash. After all the assertions completing
 * can fail only by a name that the compiler takes and copse_layout_init() does not, such as one
 * with '$'; the layout is then refused where it is used. */
#define COPSE_RECORD(tag, FIELDS)                                                                  \
  __attribute__((unused)) static inline const struct copse_layout *tag##_layout(void) {            \
    typedef struct tag copse_record_self;                                                          \
    struct copse_record_mirror {                                                                   \
      FIELDS(COPSE_RECORD_MIRROR)                                                                  \
    };                                                                                             \
    COPSE_RECORD_PLAIN(tag)                                                                        \
    FIELDS(COPSE_RECORD_CHECK)                                                                     \
    COPSE_RECORD_ASSERT(sizeof(struct tag) == sizeof(struct copse_record_mirror),                  \
                        "struct " #tag ": the struct has bytes that no field describes: add a "    \
                        "pad field after the last one")                                            \
    COPSE_RECORD_ASSERT(sizeof(#tag) <= COPSE_FIELD_NAME_MAX + 1,                                  \
                        "struct " #tag ": the name has more than COPSE_FIELD_NAME_MAX bytes")      \
    COPSE_RECORD_ASSERT(sizeof(struct tag) <= COPSE_RECORD_MAX,                                    \
                        "struct " #tag ": it has more than COPSE_RECORD_MAX bytes")                \
    COPSE_RECORD_ASSERT(COPSE_RECORD_ALIGNOF(struct tag) <= (sizeof(struct tag) > 512 ? 64 : 8),   \
                        "struct " #tag ": it needs an alignment that lent values do not have")     \
    static const struct copse_field copse_record_fields[] = {FIELDS(COPSE_RECORD_ENTRY)};          \
    COPSE_RECORD_ASSERT(sizeof(copse_record_fields) / sizeof(copse_record_fields[0]) <=            \
                            COPSE_LAYOUT_FIELDS_MAX,                                               \
                        "struct " #tag ": it has more than COPSE_LAYOUT_FIELDS_MAX fields")        \
    static struct copse_layout copse_record_layout = {                                             \
        #tag, sizeof(struct tag), sizeof(copse_record_fields) / sizeof(copse_record_fields[0]),    \
        copse_record_fields, 0};                                                                   \
    if (__atomic_load_n(&copse_record_layout.hash, __ATOMIC_ACQUIRE) == 0) {                       \
      int copse_record_result = copse_layout_init(&copse_record_layout);                           \
      (void)copse_record_result;                                                                   \
    }                                                                                              \
    return &copse_record_layout;                                                                   \
  }

#endif
