/* dom/names_list.h - the well-known qualified names: elements and attributes of HTML, SVG and MathML, and the
 * attributes of other namespaces that a parser of HTML makes.
 *
 * A name's number is its place in these lists, and part of the format: names are only ever added, at the end of all
 * (in a list of their own). EACH(namespace, constant, local name); a prefix follows from the namespace. */
#ifndef DOM_NAMES_LIST_H
#define DOM_NAMES_LIST_H

/* clang-format off */
#define DOM_NAMES_HTML(EACH)                                                                       \
  EACH(HTML, HTML, "html") EACH(HTML, HEAD, "head") EACH(HTML, TITLE, "title")                     \
  EACH(HTML, BASE, "base") EACH(HTML, LINK, "link") EACH(HTML, META, "meta")                       \
  EACH(HTML, STYLE, "style") EACH(HTML, BODY, "body") EACH(HTML, ARTICLE, "article")               \
  EACH(HTML, SECTION, "section") EACH(HTML, NAV, "nav") EACH(HTML, ASIDE, "aside")                 \
  EACH(HTML, H1, "h1") EACH(HTML, H2, "h2") EACH(HTML, H3, "h3") EACH(HTML, H4, "h4")              \
  EACH(HTML, H5, "h5") EACH(HTML, H6, "h6") EACH(HTML, HGROUP, "hgroup")                           \
  EACH(HTML, HEADER, "header") EACH(HTML, FOOTER, "footer") EACH(HTML, ADDRESS, "address")         \
  EACH(HTML, P, "p") EACH(HTML, HR, "hr") EACH(HTML, PRE, "pre")                                   \
  EACH(HTML, BLOCKQUOTE, "blockquote") EACH(HTML, OL, "ol") EACH(HTML, UL, "ul")                   \
  EACH(HTML, MENU, "menu") EACH(HTML, LI, "li") EACH(HTML, DL, "dl") EACH(HTML, DT, "dt")          \
  EACH(HTML, DD, "dd") EACH(HTML, FIGURE, "figure") EACH(HTML, FIGCAPTION, "figcaption")           \
  EACH(HTML, MAIN, "main") EACH(HTML, SEARCH, "search") EACH(HTML, DIV, "div")                     \
  EACH(HTML, A, "a") EACH(HTML, EM, "em") EACH(HTML, STRONG, "strong")                             \
  EACH(HTML, SMALL, "small") EACH(HTML, S, "s") EACH(HTML, CITE, "cite") EACH(HTML, Q, "q")        \
  EACH(HTML, DFN, "dfn") EACH(HTML, ABBR, "abbr") EACH(HTML, RUBY, "ruby") EACH(HTML, RT, "rt")    \
  EACH(HTML, RP, "rp") EACH(HTML, DATA, "data") EACH(HTML, TIME, "time")                           \
  EACH(HTML, CODE, "code") EACH(HTML, VAR, "var") EACH(HTML, SAMP, "samp")                         \
  EACH(HTML, KBD, "kbd") EACH(HTML, SUB, "sub") EACH(HTML, SUP, "sup") EACH(HTML, I, "i")          \
  EACH(HTML, B, "b") EACH(HTML, U, "u") EACH(HTML, MARK, "mark") EACH(HTML, BDI, "bdi")            \
  EACH(HTML, BDO, "bdo") EACH(HTML, SPAN, "span") EACH(HTML, BR, "br") EACH(HTML, WBR, "wbr")      \
  EACH(HTML, INS, "ins") EACH(HTML, DEL, "del") EACH(HTML, PICTURE, "picture")                     \
  EACH(HTML, SOURCE, "source") EACH(HTML, IMG, "img") EACH(HTML, IFRAME, "iframe")                 \
  EACH(HTML, EMBED, "embed") EACH(HTML, OBJECT, "object") EACH(HTML, VIDEO, "video")               \
  EACH(HTML, AUDIO, "audio") EACH(HTML, TRACK, "track") EACH(HTML, MAP, "map")                     \
  EACH(HTML, AREA, "area") EACH(HTML, TABLE, "table") EACH(HTML, CAPTION, "caption")               \
  EACH(HTML, COLGROUP, "colgroup") EACH(HTML, COL, "col") EACH(HTML, TBODY, "tbody")               \
  EACH(HTML, THEAD, "thead") EACH(HTML, TFOOT, "tfoot") EACH(HTML, TR, "tr")                       \
  EACH(HTML, TD, "td") EACH(HTML, TH, "th") EACH(HTML, FORM, "form") EACH(HTML, LABEL, "label")    \
  EACH(HTML, INPUT, "input") EACH(HTML, BUTTON, "button") EACH(HTML, SELECT, "select")             \
  EACH(HTML, DATALIST, "datalist") EACH(HTML, OPTGROUP, "optgroup") EACH(HTML, OPTION, "option")   \
  EACH(HTML, TEXTAREA, "textarea") EACH(HTML, OUTPUT, "output") EACH(HTML, PROGRESS, "progress")   \
  EACH(HTML, METER, "meter") EACH(HTML, FIELDSET, "fieldset") EACH(HTML, LEGEND, "legend")         \
  EACH(HTML, SELECTEDCONTENT, "selectedcontent") EACH(HTML, DETAILS, "details")                    \
  EACH(HTML, SUMMARY, "summary") EACH(HTML, DIALOG, "dialog") EACH(HTML, SCRIPT, "script")         \
  EACH(HTML, NOSCRIPT, "noscript") EACH(HTML, TEMPLATE, "template") EACH(HTML, SLOT, "slot")       \
  EACH(HTML, CANVAS, "canvas") EACH(HTML, ACRONYM, "acronym") EACH(HTML, APPLET, "applet")         \
  EACH(HTML, BASEFONT, "basefont") EACH(HTML, BGSOUND, "bgsound") EACH(HTML, BIG, "big")           \
  EACH(HTML, BLINK, "blink") EACH(HTML, CENTER, "center") EACH(HTML, DIR, "dir")                   \
  EACH(HTML, FONT, "font") EACH(HTML, FRAME, "frame") EACH(HTML, FRAMESET, "frameset")             \
  EACH(HTML, IMAGE, "image") EACH(HTML, ISINDEX, "isindex") EACH(HTML, KEYGEN, "keygen")           \
  EACH(HTML, LISTING, "listing") EACH(HTML, MARQUEE, "marquee") EACH(HTML, MENUITEM, "menuitem")   \
  EACH(HTML, MULTICOL, "multicol") EACH(HTML, NEXTID, "nextid") EACH(HTML, NOBR, "nobr")           \
  EACH(HTML, NOEMBED, "noembed") EACH(HTML, NOFRAMES, "noframes") EACH(HTML, PARAM, "param")       \
  EACH(HTML, PLAINTEXT, "plaintext") EACH(HTML, RB, "rb") EACH(HTML, RTC, "rtc")                   \
  EACH(HTML, SPACER, "spacer") EACH(HTML, STRIKE, "strike") EACH(HTML, TT, "tt")                   \
  EACH(HTML, XMP, "xmp") EACH(HTML, MATH, "math") EACH(HTML, SVG, "svg")

#define DOM_NAMES_ATTRIBUTES(EACH)                                                                 \
  EACH(NONE, ID, "id") EACH(NONE, CLASS, "class") EACH(NONE, STYLE, "style")                       \
  EACH(NONE, TITLE, "title") EACH(NONE, LANG, "lang") EACH(NONE, DIR, "dir")                       \
  EACH(NONE, HIDDEN, "hidden") EACH(NONE, TABINDEX, "tabindex") EACH(NONE, HREF, "href")           \
  EACH(NONE, SRC, "src") EACH(NONE, ALT, "alt") EACH(NONE, NAME, "name")                           \
  EACH(NONE, VALUE, "value") EACH(NONE, TYPE, "type") EACH(NONE, CONTENT, "content")               \
  EACH(NONE, REL, "rel") EACH(NONE, WIDTH, "width") EACH(NONE, HEIGHT, "height")                   \
  EACH(NONE, TARGET, "target") EACH(NONE, FOR, "for") EACH(NONE, ACTION, "action")                 \
  EACH(NONE, METHOD, "method") EACH(NONE, PLACEHOLDER, "placeholder")                              \
  EACH(NONE, DISABLED, "disabled") EACH(NONE, CHECKED, "checked")                                  \
  EACH(NONE, SELECTED, "selected") EACH(NONE, READONLY, "readonly")                                \
  EACH(NONE, REQUIRED, "required") EACH(NONE, MULTIPLE, "multiple")                                \
  EACH(NONE, AUTOFOCUS, "autofocus") EACH(NONE, AUTOCOMPLETE, "autocomplete")                      \
  EACH(NONE, ROLE, "role") EACH(NONE, MEDIA, "media") EACH(NONE, CHARSET, "charset")               \
  EACH(NONE, HTTP_EQUIV, "http-equiv") EACH(NONE, PROPERTY, "property")                            \
  EACH(NONE, ITEMPROP, "itemprop") EACH(NONE, ITEMSCOPE, "itemscope")                              \
  EACH(NONE, ITEMTYPE, "itemtype") EACH(NONE, ITEMID, "itemid") EACH(NONE, ITEMREF, "itemref")     \
  EACH(NONE, DATETIME, "datetime") EACH(NONE, CITE, "cite") EACH(NONE, SRCSET, "srcset")           \
  EACH(NONE, SIZES, "sizes") EACH(NONE, LOADING, "loading") EACH(NONE, DECODING, "decoding")       \
  EACH(NONE, FETCHPRIORITY, "fetchpriority") EACH(NONE, CROSSORIGIN, "crossorigin")                \
  EACH(NONE, INTEGRITY, "integrity") EACH(NONE, REFERRERPOLICY, "referrerpolicy")                  \
  EACH(NONE, ASYNC, "async") EACH(NONE, DEFER, "defer") EACH(NONE, NOMODULE, "nomodule")           \
  EACH(NONE, BLOCKING, "blocking") EACH(NONE, NONCE, "nonce") EACH(NONE, LANGUAGE, "language")     \
  EACH(NONE, COLSPAN, "colspan") EACH(NONE, ROWSPAN, "rowspan") EACH(NONE, HEADERS, "headers")     \
  EACH(NONE, SCOPE, "scope") EACH(NONE, ABBR, "abbr") EACH(NONE, ALIGN, "align")                   \
  EACH(NONE, VALIGN, "valign") EACH(NONE, BGCOLOR, "bgcolor") EACH(NONE, BORDER, "border")         \
  EACH(NONE, CELLPADDING, "cellpadding") EACH(NONE, CELLSPACING, "cellspacing")                    \
  EACH(NONE, COLOR, "color") EACH(NONE, FACE, "face") EACH(NONE, SIZE, "size")                     \
  EACH(NONE, SPAN, "span") EACH(NONE, START, "start") EACH(NONE, REVERSED, "reversed")             \
  EACH(NONE, OPEN, "open") EACH(NONE, WRAP, "wrap") EACH(NONE, ROWS, "rows")                       \
  EACH(NONE, COLS, "cols") EACH(NONE, MAXLENGTH, "maxlength") EACH(NONE, MINLENGTH, "minlength")   \
  EACH(NONE, MIN, "min") EACH(NONE, MAX, "max") EACH(NONE, STEP, "step")                           \
  EACH(NONE, PATTERN, "pattern") EACH(NONE, LIST, "list") EACH(NONE, FORM, "form")                 \
  EACH(NONE, FORMACTION, "formaction") EACH(NONE, FORMENCTYPE, "formenctype")                      \
  EACH(NONE, FORMMETHOD, "formmethod") EACH(NONE, FORMNOVALIDATE, "formnovalidate")                \
  EACH(NONE, FORMTARGET, "formtarget") EACH(NONE, ENCTYPE, "enctype")                              \
  EACH(NONE, ACCEPT, "accept") EACH(NONE, ACCEPT_CHARSET, "accept-charset")                        \
  EACH(NONE, NOVALIDATE, "novalidate") EACH(NONE, AUTOCAPITALIZE, "autocapitalize")                \
  EACH(NONE, AUTOCORRECT, "autocorrect") EACH(NONE, SPELLCHECK, "spellcheck")                      \
  EACH(NONE, TRANSLATE, "translate") EACH(NONE, DRAGGABLE, "draggable")                            \
  EACH(NONE, CONTENTEDITABLE, "contenteditable") EACH(NONE, ENTERKEYHINT, "enterkeyhint")          \
  EACH(NONE, INPUTMODE, "inputmode") EACH(NONE, ACCESSKEY, "accesskey") EACH(NONE, IS, "is")       \
  EACH(NONE, SLOT, "slot") EACH(NONE, PART, "part") EACH(NONE, POPOVER, "popover")                 \
  EACH(NONE, POPOVERTARGET, "popovertarget")                                                       \
  EACH(NONE, POPOVERTARGETACTION, "popovertargetaction") EACH(NONE, INERT, "inert")                \
  EACH(NONE, ALLOW, "allow") EACH(NONE, ALLOWFULLSCREEN, "allowfullscreen")                        \
  EACH(NONE, SANDBOX, "sandbox") EACH(NONE, SRCDOC, "srcdoc")                                      \
  EACH(NONE, FRAMEBORDER, "frameborder") EACH(NONE, MARGINHEIGHT, "marginheight")                  \
  EACH(NONE, MARGINWIDTH, "marginwidth") EACH(NONE, SCROLLING, "scrolling")                        \
  EACH(NONE, LONGDESC, "longdesc") EACH(NONE, ISMAP, "ismap") EACH(NONE, USEMAP, "usemap")         \
  EACH(NONE, SHAPE, "shape") EACH(NONE, COORDS, "coords") EACH(NONE, PING, "ping")                 \
  EACH(NONE, DOWNLOAD, "download") EACH(NONE, HREFLANG, "hreflang") EACH(NONE, AS, "as")           \
  EACH(NONE, IMAGESIZES, "imagesizes") EACH(NONE, IMAGESRCSET, "imagesrcset")                      \
  EACH(NONE, CONTROLS, "controls") EACH(NONE, AUTOPLAY, "autoplay") EACH(NONE, LOOP, "loop")       \
  EACH(NONE, MUTED, "muted") EACH(NONE, POSTER, "poster") EACH(NONE, PRELOAD, "preload")           \
  EACH(NONE, PLAYSINLINE, "playsinline") EACH(NONE, KIND, "kind") EACH(NONE, SRCLANG, "srclang")   \
  EACH(NONE, DEFAULT, "default") EACH(NONE, LABEL, "label") EACH(NONE, LOW, "low")                 \
  EACH(NONE, HIGH, "high") EACH(NONE, OPTIMUM, "optimum") EACH(NONE, COMMAND, "command")           \
  EACH(NONE, COMMANDFOR, "commandfor") EACH(NONE, DIRNAME, "dirname")                              \
  EACH(NONE, SHADOWROOTMODE, "shadowrootmode")                                                     \
  EACH(NONE, SHADOWROOTDELEGATESFOCUS, "shadowrootdelegatesfocus")                                 \
  EACH(NONE, SHADOWROOTCLONABLE, "shadowrootclonable")                                             \
  EACH(NONE, SHADOWROOTSERIALIZABLE, "shadowrootserializable")                                     \
  EACH(NONE, WRITINGSUGGESTIONS, "writingsuggestions") EACH(NONE, COLORSPACE, "colorspace")        \
  EACH(NONE, ALPHA, "alpha") EACH(NONE, CLOSEDBY, "closedby") EACH(NONE, SUMMARY, "summary")       \
  EACH(NONE, AXIS, "axis") EACH(NONE, ARCHIVE, "archive") EACH(NONE, BACKGROUND, "background")     \
  EACH(NONE, CHAR, "char") EACH(NONE, CHAROFF, "charoff") EACH(NONE, CLASSID, "classid")           \
  EACH(NONE, CLEAR, "clear") EACH(NONE, CODE, "code") EACH(NONE, CODEBASE, "codebase")             \
  EACH(NONE, CODETYPE, "codetype") EACH(NONE, COMPACT, "compact") EACH(NONE, DATA, "data")         \
  EACH(NONE, DECLARE, "declare") EACH(NONE, EVENT, "event") EACH(NONE, FRAME, "frame")             \
  EACH(NONE, HSPACE, "hspace") EACH(NONE, LINK, "link") EACH(NONE, ALINK, "alink")                 \
  EACH(NONE, VLINK, "vlink") EACH(NONE, TEXT, "text") EACH(NONE, NOHREF, "nohref")                 \
  EACH(NONE, NORESIZE, "noresize") EACH(NONE, NOSHADE, "noshade") EACH(NONE, NOWRAP, "nowrap")     \
  EACH(NONE, OBJECT, "object") EACH(NONE, PROFILE, "profile") EACH(NONE, PROMPT, "prompt")         \
  EACH(NONE, REV, "rev") EACH(NONE, RULES, "rules") EACH(NONE, SCHEME, "scheme")                   \
  EACH(NONE, STANDBY, "standby") EACH(NONE, VALUETYPE, "valuetype")                                \
  EACH(NONE, VERSION, "version") EACH(NONE, VSPACE, "vspace")                                      \
  EACH(NONE, LEFTMARGIN, "leftmargin") EACH(NONE, TOPMARGIN, "topmargin")                          \
  EACH(NONE, RIGHTMARGIN, "rightmargin") EACH(NONE, BOTTOMMARGIN, "bottommargin")                  \
  EACH(NONE, BEHAVIOR, "behavior") EACH(NONE, BORDERCOLOR, "bordercolor")                          \
  EACH(NONE, DIRECTION, "direction") EACH(NONE, HIDEFOCUS, "hidefocus")                            \
  EACH(NONE, SCROLLAMOUNT, "scrollamount") EACH(NONE, SCROLLDELAY, "scrolldelay")                  \
  EACH(NONE, TRUESPEED, "truespeed") EACH(NONE, ARIA_ACTIVEDESCENDANT, "aria-activedescendant")    \
  EACH(NONE, ARIA_ATOMIC, "aria-atomic") EACH(NONE, ARIA_AUTOCOMPLETE, "aria-autocomplete")        \
  EACH(NONE, ARIA_BUSY, "aria-busy") EACH(NONE, ARIA_CHECKED, "aria-checked")                      \
  EACH(NONE, ARIA_COLCOUNT, "aria-colcount") EACH(NONE, ARIA_COLINDEX, "aria-colindex")            \
  EACH(NONE, ARIA_COLSPAN, "aria-colspan") EACH(NONE, ARIA_CONTROLS, "aria-controls")              \
  EACH(NONE, ARIA_CURRENT, "aria-current") EACH(NONE, ARIA_DESCRIBEDBY, "aria-describedby")        \
  EACH(NONE, ARIA_DETAILS, "aria-details") EACH(NONE, ARIA_DISABLED, "aria-disabled")              \
  EACH(NONE, ARIA_ERRORMESSAGE, "aria-errormessage") EACH(NONE, ARIA_EXPANDED, "aria-expanded")    \
  EACH(NONE, ARIA_FLOWTO, "aria-flowto") EACH(NONE, ARIA_HASPOPUP, "aria-haspopup")                \
  EACH(NONE, ARIA_HIDDEN, "aria-hidden") EACH(NONE, ARIA_INVALID, "aria-invalid")                  \
  EACH(NONE, ARIA_KEYSHORTCUTS, "aria-keyshortcuts") EACH(NONE, ARIA_LABEL, "aria-label")          \
  EACH(NONE, ARIA_LABELLEDBY, "aria-labelledby") EACH(NONE, ARIA_LEVEL, "aria-level")              \
  EACH(NONE, ARIA_LIVE, "aria-live") EACH(NONE, ARIA_MODAL, "aria-modal")                          \
  EACH(NONE, ARIA_MULTILINE, "aria-multiline")                                                     \
  EACH(NONE, ARIA_MULTISELECTABLE, "aria-multiselectable")                                         \
  EACH(NONE, ARIA_ORIENTATION, "aria-orientation") EACH(NONE, ARIA_OWNS, "aria-owns")              \
  EACH(NONE, ARIA_PLACEHOLDER, "aria-placeholder") EACH(NONE, ARIA_POSINSET, "aria-posinset")      \
  EACH(NONE, ARIA_PRESSED, "aria-pressed") EACH(NONE, ARIA_READONLY, "aria-readonly")              \
  EACH(NONE, ARIA_RELEVANT, "aria-relevant") EACH(NONE, ARIA_REQUIRED, "aria-required")            \
  EACH(NONE, ARIA_ROLEDESCRIPTION, "aria-roledescription")                                         \
  EACH(NONE, ARIA_ROWCOUNT, "aria-rowcount") EACH(NONE, ARIA_ROWINDEX, "aria-rowindex")            \
  EACH(NONE, ARIA_ROWSPAN, "aria-rowspan") EACH(NONE, ARIA_SELECTED, "aria-selected")              \
  EACH(NONE, ARIA_SETSIZE, "aria-setsize") EACH(NONE, ARIA_SORT, "aria-sort")                      \
  EACH(NONE, ARIA_VALUEMAX, "aria-valuemax") EACH(NONE, ARIA_VALUEMIN, "aria-valuemin")            \
  EACH(NONE, ARIA_VALUENOW, "aria-valuenow") EACH(NONE, ARIA_VALUETEXT, "aria-valuetext")          \
  EACH(NONE, ONABORT, "onabort") EACH(NONE, ONAFTERPRINT, "onafterprint")                          \
  EACH(NONE, ONAUXCLICK, "onauxclick") EACH(NONE, ONBEFOREINPUT, "onbeforeinput")                  \
  EACH(NONE, ONBEFOREMATCH, "onbeforematch") EACH(NONE, ONBEFOREPRINT, "onbeforeprint")            \
  EACH(NONE, ONBEFORETOGGLE, "onbeforetoggle") EACH(NONE, ONBEFOREUNLOAD, "onbeforeunload")        \
  EACH(NONE, ONBLUR, "onblur") EACH(NONE, ONCANCEL, "oncancel")                                    \
  EACH(NONE, ONCANPLAY, "oncanplay") EACH(NONE, ONCANPLAYTHROUGH, "oncanplaythrough")              \
  EACH(NONE, ONCHANGE, "onchange") EACH(NONE, ONCLICK, "onclick") EACH(NONE, ONCLOSE, "onclose")   \
  EACH(NONE, ONCONTEXTMENU, "oncontextmenu") EACH(NONE, ONCOPY, "oncopy")                          \
  EACH(NONE, ONCUECHANGE, "oncuechange") EACH(NONE, ONCUT, "oncut")                                \
  EACH(NONE, ONDBLCLICK, "ondblclick") EACH(NONE, ONDRAG, "ondrag")                                \
  EACH(NONE, ONDRAGEND, "ondragend") EACH(NONE, ONDRAGENTER, "ondragenter")                        \
  EACH(NONE, ONDRAGLEAVE, "ondragleave") EACH(NONE, ONDRAGOVER, "ondragover")                      \
  EACH(NONE, ONDRAGSTART, "ondragstart") EACH(NONE, ONDROP, "ondrop")                              \
  EACH(NONE, ONDURATIONCHANGE, "ondurationchange") EACH(NONE, ONEMPTIED, "onemptied")              \
  EACH(NONE, ONENDED, "onended") EACH(NONE, ONERROR, "onerror") EACH(NONE, ONFOCUS, "onfocus")     \
  EACH(NONE, ONFORMDATA, "onformdata") EACH(NONE, ONHASHCHANGE, "onhashchange")                    \
  EACH(NONE, ONINPUT, "oninput") EACH(NONE, ONINVALID, "oninvalid")                                \
  EACH(NONE, ONKEYDOWN, "onkeydown") EACH(NONE, ONKEYPRESS, "onkeypress")                          \
  EACH(NONE, ONKEYUP, "onkeyup") EACH(NONE, ONLANGUAGECHANGE, "onlanguagechange")                  \
  EACH(NONE, ONLOAD, "onload") EACH(NONE, ONLOADEDDATA, "onloadeddata")                            \
  EACH(NONE, ONLOADEDMETADATA, "onloadedmetadata") EACH(NONE, ONLOADSTART, "onloadstart")          \
  EACH(NONE, ONMESSAGE, "onmessage") EACH(NONE, ONMOUSEDOWN, "onmousedown")                        \
  EACH(NONE, ONMOUSEENTER, "onmouseenter") EACH(NONE, ONMOUSELEAVE, "onmouseleave")                \
  EACH(NONE, ONMOUSEMOVE, "onmousemove") EACH(NONE, ONMOUSEOUT, "onmouseout")                      \
  EACH(NONE, ONMOUSEOVER, "onmouseover") EACH(NONE, ONMOUSEUP, "onmouseup")                        \
  EACH(NONE, ONOFFLINE, "onoffline") EACH(NONE, ONONLINE, "ononline")                              \
  EACH(NONE, ONPAGEHIDE, "onpagehide") EACH(NONE, ONPAGESHOW, "onpageshow")                        \
  EACH(NONE, ONPASTE, "onpaste") EACH(NONE, ONPAUSE, "onpause") EACH(NONE, ONPLAY, "onplay")       \
  EACH(NONE, ONPLAYING, "onplaying") EACH(NONE, ONPOPSTATE, "onpopstate")                          \
  EACH(NONE, ONPROGRESS, "onprogress") EACH(NONE, ONRATECHANGE, "onratechange")                    \
  EACH(NONE, ONRESET, "onreset") EACH(NONE, ONRESIZE, "onresize")                                  \
  EACH(NONE, ONSCROLL, "onscroll") EACH(NONE, ONSCROLLEND, "onscrollend")                          \
  EACH(NONE, ONSECURITYPOLICYVIOLATION, "onsecuritypolicyviolation")                               \
  EACH(NONE, ONSEEKED, "onseeked") EACH(NONE, ONSEEKING, "onseeking")                              \
  EACH(NONE, ONSELECT, "onselect") EACH(NONE, ONSLOTCHANGE, "onslotchange")                        \
  EACH(NONE, ONSTALLED, "onstalled") EACH(NONE, ONSTORAGE, "onstorage")                            \
  EACH(NONE, ONSUBMIT, "onsubmit") EACH(NONE, ONSUSPEND, "onsuspend")                              \
  EACH(NONE, ONTIMEUPDATE, "ontimeupdate") EACH(NONE, ONTOGGLE, "ontoggle")                        \
  EACH(NONE, ONUNLOAD, "onunload") EACH(NONE, ONVOLUMECHANGE, "onvolumechange")                    \
  EACH(NONE, ONWAITING, "onwaiting") EACH(NONE, ONWHEEL, "onwheel")                                \
  EACH(NONE, ATTRIBUTENAME, "attributeName") EACH(NONE, ATTRIBUTETYPE, "attributeType")            \
  EACH(NONE, BASEFREQUENCY, "baseFrequency") EACH(NONE, BASEPROFILE, "baseProfile")                \
  EACH(NONE, CALCMODE, "calcMode") EACH(NONE, CLIPPATHUNITS, "clipPathUnits")                      \
  EACH(NONE, DIFFUSECONSTANT, "diffuseConstant") EACH(NONE, EDGEMODE, "edgeMode")                  \
  EACH(NONE, FILTERUNITS, "filterUnits") EACH(NONE, GLYPHREF, "glyphRef")                          \
  EACH(NONE, GRADIENTTRANSFORM, "gradientTransform") EACH(NONE, GRADIENTUNITS, "gradientUnits")    \
  EACH(NONE, KERNELMATRIX, "kernelMatrix") EACH(NONE, KERNELUNITLENGTH, "kernelUnitLength")        \
  EACH(NONE, KEYPOINTS, "keyPoints") EACH(NONE, KEYSPLINES, "keySplines")                          \
  EACH(NONE, KEYTIMES, "keyTimes") EACH(NONE, LENGTHADJUST, "lengthAdjust")                        \
  EACH(NONE, LIMITINGCONEANGLE, "limitingConeAngle") EACH(NONE, MARKERHEIGHT, "markerHeight")      \
  EACH(NONE, MARKERUNITS, "markerUnits") EACH(NONE, MARKERWIDTH, "markerWidth")                    \
  EACH(NONE, MASKCONTENTUNITS, "maskContentUnits") EACH(NONE, MASKUNITS, "maskUnits")              \
  EACH(NONE, NUMOCTAVES, "numOctaves") EACH(NONE, PATHLENGTH, "pathLength")                        \
  EACH(NONE, PATTERNCONTENTUNITS, "patternContentUnits")                                           \
  EACH(NONE, PATTERNTRANSFORM, "patternTransform") EACH(NONE, PATTERNUNITS, "patternUnits")        \
  EACH(NONE, POINTSATX, "pointsAtX") EACH(NONE, POINTSATY, "pointsAtY")                            \
  EACH(NONE, POINTSATZ, "pointsAtZ") EACH(NONE, PRESERVEALPHA, "preserveAlpha")                    \
  EACH(NONE, PRESERVEASPECTRATIO, "preserveAspectRatio")                                           \
  EACH(NONE, PRIMITIVEUNITS, "primitiveUnits") EACH(NONE, REFX, "refX") EACH(NONE, REFY, "refY")   \
  EACH(NONE, REPEATCOUNT, "repeatCount") EACH(NONE, REPEATDUR, "repeatDur")                        \
  EACH(NONE, REQUIREDEXTENSIONS, "requiredExtensions")                                             \
  EACH(NONE, REQUIREDFEATURES, "requiredFeatures")                                                 \
  EACH(NONE, SPECULARCONSTANT, "specularConstant")                                                 \
  EACH(NONE, SPECULAREXPONENT, "specularExponent") EACH(NONE, SPREADMETHOD, "spreadMethod")        \
  EACH(NONE, STARTOFFSET, "startOffset") EACH(NONE, STDDEVIATION, "stdDeviation")                  \
  EACH(NONE, STITCHTILES, "stitchTiles") EACH(NONE, SURFACESCALE, "surfaceScale")                  \
  EACH(NONE, SYSTEMLANGUAGE, "systemLanguage") EACH(NONE, TABLEVALUES, "tableValues")              \
  EACH(NONE, TARGETX, "targetX") EACH(NONE, TARGETY, "targetY")                                    \
  EACH(NONE, TEXTLENGTH, "textLength") EACH(NONE, VIEWBOX, "viewBox")                              \
  EACH(NONE, VIEWTARGET, "viewTarget") EACH(NONE, XCHANNELSELECTOR, "xChannelSelector")            \
  EACH(NONE, YCHANNELSELECTOR, "yChannelSelector") EACH(NONE, ZOOMANDPAN, "zoomAndPan")            \
  EACH(NONE, ACCUMULATE, "accumulate") EACH(NONE, ADDITIVE, "additive")                            \
  EACH(NONE, ALIGNMENT_BASELINE, "alignment-baseline") EACH(NONE, AMPLITUDE, "amplitude")          \
  EACH(NONE, AZIMUTH, "azimuth") EACH(NONE, BASELINE_SHIFT, "baseline-shift")                      \
  EACH(NONE, BEGIN, "begin") EACH(NONE, BIAS, "bias") EACH(NONE, BY, "by")                         \
  EACH(NONE, CLIP, "clip") EACH(NONE, CLIP_PATH, "clip-path") EACH(NONE, CLIP_RULE, "clip-rule")   \
  EACH(NONE, COLOR_INTERPOLATION, "color-interpolation")                                           \
  EACH(NONE, COLOR_INTERPOLATION_FILTERS, "color-interpolation-filters")                           \
  EACH(NONE, CURSOR, "cursor") EACH(NONE, CX, "cx") EACH(NONE, CY, "cy") EACH(NONE, D, "d")        \
  EACH(NONE, DISPLAY, "display") EACH(NONE, DIVISOR, "divisor")                                    \
  EACH(NONE, DOMINANT_BASELINE, "dominant-baseline") EACH(NONE, DUR, "dur") EACH(NONE, DX, "dx")   \
  EACH(NONE, DY, "dy") EACH(NONE, ELEVATION, "elevation") EACH(NONE, END, "end")                   \
  EACH(NONE, EXPONENT, "exponent") EACH(NONE, FILL, "fill")                                        \
  EACH(NONE, FILL_OPACITY, "fill-opacity") EACH(NONE, FILL_RULE, "fill-rule")                      \
  EACH(NONE, FILTER, "filter") EACH(NONE, FLOOD_COLOR, "flood-color")                              \
  EACH(NONE, FLOOD_OPACITY, "flood-opacity") EACH(NONE, FONT_FAMILY, "font-family")                \
  EACH(NONE, FONT_SIZE, "font-size") EACH(NONE, FONT_SIZE_ADJUST, "font-size-adjust")              \
  EACH(NONE, FONT_STRETCH, "font-stretch") EACH(NONE, FONT_STYLE, "font-style")                    \
  EACH(NONE, FONT_VARIANT, "font-variant") EACH(NONE, FONT_WEIGHT, "font-weight")                  \
  EACH(NONE, FR, "fr") EACH(NONE, FROM, "from") EACH(NONE, FX, "fx") EACH(NONE, FY, "fy")          \
  EACH(NONE, G1, "g1") EACH(NONE, G2, "g2") EACH(NONE, IMAGE_RENDERING, "image-rendering")         \
  EACH(NONE, IN, "in") EACH(NONE, IN2, "in2") EACH(NONE, INTERCEPT, "intercept")                   \
  EACH(NONE, K1, "k1") EACH(NONE, K2, "k2") EACH(NONE, K3, "k3") EACH(NONE, K4, "k4")              \
  EACH(NONE, LETTER_SPACING, "letter-spacing") EACH(NONE, LIGHTING_COLOR, "lighting-color")        \
  EACH(NONE, MARKER_END, "marker-end") EACH(NONE, MARKER_MID, "marker-mid")                        \
  EACH(NONE, MARKER_START, "marker-start") EACH(NONE, MASK, "mask") EACH(NONE, MODE, "mode")       \
  EACH(NONE, OFFSET, "offset") EACH(NONE, OPACITY, "opacity") EACH(NONE, OPERATOR, "operator")     \
  EACH(NONE, ORDER, "order") EACH(NONE, ORIENT, "orient") EACH(NONE, ORIGIN, "origin")             \
  EACH(NONE, OVERFLOW, "overflow") EACH(NONE, OVERLINE_POSITION, "overline-position")              \
  EACH(NONE, PAINT_ORDER, "paint-order") EACH(NONE, PATH, "path")                                  \
  EACH(NONE, POINTER_EVENTS, "pointer-events") EACH(NONE, POINTS, "points") EACH(NONE, R, "r")     \
  EACH(NONE, RADIUS, "radius") EACH(NONE, RESTART, "restart") EACH(NONE, RESULT, "result")         \
  EACH(NONE, ROTATE, "rotate") EACH(NONE, RX, "rx") EACH(NONE, RY, "ry")                           \
  EACH(NONE, SCALE, "scale") EACH(NONE, SEED, "seed")                                              \
  EACH(NONE, SHAPE_RENDERING, "shape-rendering") EACH(NONE, SLOPE, "slope")                        \
  EACH(NONE, STOP_COLOR, "stop-color") EACH(NONE, STOP_OPACITY, "stop-opacity")                    \
  EACH(NONE, STRIKETHROUGH_POSITION, "strikethrough-position") EACH(NONE, STROKE, "stroke")        \
  EACH(NONE, STROKE_DASHARRAY, "stroke-dasharray")                                                 \
  EACH(NONE, STROKE_DASHOFFSET, "stroke-dashoffset")                                               \
  EACH(NONE, STROKE_LINECAP, "stroke-linecap") EACH(NONE, STROKE_LINEJOIN, "stroke-linejoin")      \
  EACH(NONE, STROKE_MITERLIMIT, "stroke-miterlimit")                                               \
  EACH(NONE, STROKE_OPACITY, "stroke-opacity") EACH(NONE, STROKE_WIDTH, "stroke-width")            \
  EACH(NONE, TEXT_ANCHOR, "text-anchor") EACH(NONE, TEXT_DECORATION, "text-decoration")            \
  EACH(NONE, TEXT_RENDERING, "text-rendering") EACH(NONE, TO, "to")                                \
  EACH(NONE, TRANSFORM, "transform") EACH(NONE, TRANSFORM_ORIGIN, "transform-origin")              \
  EACH(NONE, UNDERLINE_POSITION, "underline-position") EACH(NONE, UNICODE_BIDI, "unicode-bidi")    \
  EACH(NONE, VALUES, "values") EACH(NONE, VECTOR_EFFECT, "vector-effect")                          \
  EACH(NONE, VISIBILITY, "visibility") EACH(NONE, WORD_SPACING, "word-spacing")                    \
  EACH(NONE, WRITING_MODE, "writing-mode") EACH(NONE, X, "x") EACH(NONE, X1, "x1")                 \
  EACH(NONE, X2, "x2") EACH(NONE, Y, "y") EACH(NONE, Y1, "y1") EACH(NONE, Y2, "y2")                \
  EACH(NONE, Z, "z") EACH(NONE, DEFINITIONURL, "definitionURL") EACH(NONE, ENCODING, "encoding")   \
  EACH(NONE, MATHVARIANT, "mathvariant") EACH(NONE, MATHSIZE, "mathsize")                          \
  EACH(NONE, MATHCOLOR, "mathcolor") EACH(NONE, MATHBACKGROUND, "mathbackground")                  \
  EACH(NONE, DISPLAYSTYLE, "displaystyle") EACH(NONE, SCRIPTLEVEL, "scriptlevel")                  \
  EACH(NONE, ACCENT, "accent") EACH(NONE, ACCENTUNDER, "accentunder")                              \
  EACH(NONE, COLUMNALIGN, "columnalign") EACH(NONE, COLUMNLINES, "columnlines")                    \
  EACH(NONE, COLUMNSPACING, "columnspacing") EACH(NONE, COLUMNSPAN, "columnspan")                  \
  EACH(NONE, COLUMNWIDTH, "columnwidth") EACH(NONE, DEPTH, "depth")                                \
  EACH(NONE, EQUALCOLUMNS, "equalcolumns") EACH(NONE, EQUALROWS, "equalrows")                      \
  EACH(NONE, FENCE, "fence") EACH(NONE, FONTFAMILY, "fontfamily")                                  \
  EACH(NONE, FONTSIZE, "fontsize") EACH(NONE, FONTSTYLE, "fontstyle")                              \
  EACH(NONE, FONTWEIGHT, "fontweight") EACH(NONE, FRAMESPACING, "framespacing")                    \
  EACH(NONE, GROUPALIGN, "groupalign") EACH(NONE, LARGEOP, "largeop")                              \
  EACH(NONE, LINETHICKNESS, "linethickness") EACH(NONE, LQUOTE, "lquote")                          \
  EACH(NONE, LSPACE, "lspace") EACH(NONE, MAXSIZE, "maxsize") EACH(NONE, MINSIZE, "minsize")       \
  EACH(NONE, MOVABLELIMITS, "movablelimits") EACH(NONE, NOTATION, "notation")                      \
  EACH(NONE, OTHER, "other") EACH(NONE, ROWALIGN, "rowalign") EACH(NONE, ROWLINES, "rowlines")     \
  EACH(NONE, ROWSPACING, "rowspacing") EACH(NONE, RQUOTE, "rquote") EACH(NONE, RSPACE, "rspace")   \
  EACH(NONE, SCRIPTMINSIZE, "scriptminsize")                                                       \
  EACH(NONE, SCRIPTSIZEMULTIPLIER, "scriptsizemultiplier") EACH(NONE, SELECTION, "selection")      \
  EACH(NONE, SEPARATOR, "separator") EACH(NONE, SEPARATORS, "separators")                          \
  EACH(NONE, STRETCHY, "stretchy") EACH(NONE, SUBSCRIPTSHIFT, "subscriptshift")                    \
  EACH(NONE, SUPERSCRIPTSHIFT, "superscriptshift") EACH(NONE, SYMMETRIC, "symmetric")              \
  EACH(NONE, VOFFSET, "voffset") EACH(NONE, CLOSURE, "closure") EACH(NONE, BASE, "base")           \
  EACH(NONE, NARGS, "nargs") EACH(NONE, OCCURRENCE, "occurrence") EACH(NONE, XMLNS, "xmlns")

#define DOM_NAMES_SVG(EACH)                                                                        \
  EACH(SVG, SVG, "svg") EACH(SVG, A, "a") EACH(SVG, ALTGLYPH, "altGlyph")                          \
  EACH(SVG, ALTGLYPHDEF, "altGlyphDef") EACH(SVG, ALTGLYPHITEM, "altGlyphItem")                    \
  EACH(SVG, ANIMATE, "animate") EACH(SVG, ANIMATECOLOR, "animateColor")                            \
  EACH(SVG, ANIMATEMOTION, "animateMotion") EACH(SVG, ANIMATETRANSFORM, "animateTransform")        \
  EACH(SVG, CIRCLE, "circle") EACH(SVG, CLIPPATH, "clipPath")                                      \
  EACH(SVG, COLOR_PROFILE, "color-profile") EACH(SVG, CURSOR, "cursor") EACH(SVG, DEFS, "defs")    \
  EACH(SVG, DESC, "desc") EACH(SVG, ELLIPSE, "ellipse") EACH(SVG, FEBLEND, "feBlend")              \
  EACH(SVG, FECOLORMATRIX, "feColorMatrix")                                                        \
  EACH(SVG, FECOMPONENTTRANSFER, "feComponentTransfer") EACH(SVG, FECOMPOSITE, "feComposite")      \
  EACH(SVG, FECONVOLVEMATRIX, "feConvolveMatrix")                                                  \
  EACH(SVG, FEDIFFUSELIGHTING, "feDiffuseLighting")                                                \
  EACH(SVG, FEDISPLACEMENTMAP, "feDisplacementMap") EACH(SVG, FEDISTANTLIGHT, "feDistantLight")    \
  EACH(SVG, FEDROPSHADOW, "feDropShadow") EACH(SVG, FEFLOOD, "feFlood")                            \
  EACH(SVG, FEFUNCA, "feFuncA") EACH(SVG, FEFUNCB, "feFuncB") EACH(SVG, FEFUNCG, "feFuncG")        \
  EACH(SVG, FEFUNCR, "feFuncR") EACH(SVG, FEGAUSSIANBLUR, "feGaussianBlur")                        \
  EACH(SVG, FEIMAGE, "feImage") EACH(SVG, FEMERGE, "feMerge")                                      \
  EACH(SVG, FEMERGENODE, "feMergeNode") EACH(SVG, FEMORPHOLOGY, "feMorphology")                    \
  EACH(SVG, FEOFFSET, "feOffset") EACH(SVG, FEPOINTLIGHT, "fePointLight")                          \
  EACH(SVG, FESPECULARLIGHTING, "feSpecularLighting") EACH(SVG, FESPOTLIGHT, "feSpotLight")        \
  EACH(SVG, FETILE, "feTile") EACH(SVG, FETURBULENCE, "feTurbulence")                              \
  EACH(SVG, FILTER, "filter") EACH(SVG, FONT, "font") EACH(SVG, FONT_FACE, "font-face")            \
  EACH(SVG, FONT_FACE_FORMAT, "font-face-format") EACH(SVG, FONT_FACE_NAME, "font-face-name")      \
  EACH(SVG, FONT_FACE_SRC, "font-face-src") EACH(SVG, FONT_FACE_URI, "font-face-uri")              \
  EACH(SVG, FOREIGNOBJECT, "foreignObject") EACH(SVG, G, "g") EACH(SVG, GLYPH, "glyph")            \
  EACH(SVG, GLYPHREF, "glyphRef") EACH(SVG, HKERN, "hkern") EACH(SVG, IMAGE, "image")              \
  EACH(SVG, LINE, "line") EACH(SVG, LINEARGRADIENT, "linearGradient")                              \
  EACH(SVG, MARKER, "marker") EACH(SVG, MASK, "mask") EACH(SVG, METADATA, "metadata")              \
  EACH(SVG, MISSING_GLYPH, "missing-glyph") EACH(SVG, MPATH, "mpath") EACH(SVG, PATH, "path")      \
  EACH(SVG, PATTERN, "pattern") EACH(SVG, POLYGON, "polygon") EACH(SVG, POLYLINE, "polyline")      \
  EACH(SVG, RADIALGRADIENT, "radialGradient") EACH(SVG, RECT, "rect")                              \
  EACH(SVG, SCRIPT, "script") EACH(SVG, SET, "set") EACH(SVG, STOP, "stop")                        \
  EACH(SVG, STYLE, "style") EACH(SVG, SWITCH, "switch") EACH(SVG, SYMBOL, "symbol")                \
  EACH(SVG, TEXT, "text") EACH(SVG, TEXTPATH, "textPath") EACH(SVG, TITLE, "title")                \
  EACH(SVG, TREF, "tref") EACH(SVG, TSPAN, "tspan") EACH(SVG, USE, "use")                          \
  EACH(SVG, VIEW, "view") EACH(SVG, VKERN, "vkern")

#define DOM_NAMES_MATHML(EACH)                                                                     \
  EACH(MATHML, MATH, "math") EACH(MATHML, MI, "mi") EACH(MATHML, MN, "mn")                         \
  EACH(MATHML, MO, "mo") EACH(MATHML, MS, "ms") EACH(MATHML, MTEXT, "mtext")                       \
  EACH(MATHML, MSPACE, "mspace") EACH(MATHML, MROW, "mrow") EACH(MATHML, MFRAC, "mfrac")           \
  EACH(MATHML, MSQRT, "msqrt") EACH(MATHML, MROOT, "mroot") EACH(MATHML, MSTYLE, "mstyle")         \
  EACH(MATHML, MERROR, "merror") EACH(MATHML, MPADDED, "mpadded")                                  \
  EACH(MATHML, MPHANTOM, "mphantom") EACH(MATHML, MFENCED, "mfenced")                              \
  EACH(MATHML, MENCLOSE, "menclose") EACH(MATHML, MSUB, "msub") EACH(MATHML, MSUP, "msup")         \
  EACH(MATHML, MSUBSUP, "msubsup") EACH(MATHML, MUNDER, "munder") EACH(MATHML, MOVER, "mover")     \
  EACH(MATHML, MUNDEROVER, "munderover") EACH(MATHML, MMULTISCRIPTS, "mmultiscripts")              \
  EACH(MATHML, MPRESCRIPTS, "mprescripts") EACH(MATHML, NONE, "none")                              \
  EACH(MATHML, MTABLE, "mtable") EACH(MATHML, MTR, "mtr") EACH(MATHML, MTD, "mtd")                 \
  EACH(MATHML, MLABELEDTR, "mlabeledtr") EACH(MATHML, MALIGNGROUP, "maligngroup")                  \
  EACH(MATHML, MALIGNMARK, "malignmark") EACH(MATHML, MACTION, "maction")                          \
  EACH(MATHML, MGLYPH, "mglyph") EACH(MATHML, MSTACK, "mstack")                                    \
  EACH(MATHML, MLONGDIV, "mlongdiv") EACH(MATHML, MSGROUP, "msgroup")                              \
  EACH(MATHML, MSROW, "msrow") EACH(MATHML, MSCARRIES, "mscarries")                                \
  EACH(MATHML, MSCARRY, "mscarry") EACH(MATHML, MSLINE, "msline")                                  \
  EACH(MATHML, SEMANTICS, "semantics") EACH(MATHML, ANNOTATION, "annotation")                      \
  EACH(MATHML, ANNOTATION_XML, "annotation-xml") EACH(MATHML, ABS, "abs")                          \
  EACH(MATHML, AND, "and") EACH(MATHML, APPLY, "apply") EACH(MATHML, APPROX, "approx")             \
  EACH(MATHML, ARCCOS, "arccos") EACH(MATHML, ARCCOSH, "arccosh") EACH(MATHML, ARCCOT, "arccot")   \
  EACH(MATHML, ARCCOTH, "arccoth") EACH(MATHML, ARCCSC, "arccsc")                                  \
  EACH(MATHML, ARCCSCH, "arccsch") EACH(MATHML, ARCSEC, "arcsec")                                  \
  EACH(MATHML, ARCSECH, "arcsech") EACH(MATHML, ARCSIN, "arcsin")                                  \
  EACH(MATHML, ARCSINH, "arcsinh") EACH(MATHML, ARCTAN, "arctan")                                  \
  EACH(MATHML, ARCTANH, "arctanh") EACH(MATHML, ARG, "arg") EACH(MATHML, BVAR, "bvar")             \
  EACH(MATHML, CARD, "card") EACH(MATHML, CARTESIANPRODUCT, "cartesianproduct")                    \
  EACH(MATHML, CEILING, "ceiling") EACH(MATHML, CI, "ci") EACH(MATHML, CN, "cn")                   \
  EACH(MATHML, CODOMAIN, "codomain") EACH(MATHML, COMPLEXES, "complexes")                          \
  EACH(MATHML, COMPOSE, "compose") EACH(MATHML, CONDITION, "condition")                            \
  EACH(MATHML, CONJUGATE, "conjugate") EACH(MATHML, COS, "cos") EACH(MATHML, COSH, "cosh")         \
  EACH(MATHML, COT, "cot") EACH(MATHML, COTH, "coth") EACH(MATHML, CSC, "csc")                     \
  EACH(MATHML, CSCH, "csch") EACH(MATHML, CSYMBOL, "csymbol") EACH(MATHML, CURL, "curl")           \
  EACH(MATHML, DECLARE, "declare") EACH(MATHML, DEGREE, "degree")                                  \
  EACH(MATHML, DETERMINANT, "determinant") EACH(MATHML, DIFF, "diff")                              \
  EACH(MATHML, DIVERGENCE, "divergence") EACH(MATHML, DIVIDE, "divide")                            \
  EACH(MATHML, DOMAIN, "domain") EACH(MATHML, DOMAINOFAPPLICATION, "domainofapplication")          \
  EACH(MATHML, EMPTYSET, "emptyset") EACH(MATHML, EQ, "eq")                                        \
  EACH(MATHML, EQUIVALENT, "equivalent") EACH(MATHML, EULERGAMMA, "eulergamma")                    \
  EACH(MATHML, EXISTS, "exists") EACH(MATHML, EXP, "exp")                                          \
  EACH(MATHML, EXPONENTIALE, "exponentiale") EACH(MATHML, FACTORIAL, "factorial")                  \
  EACH(MATHML, FACTOROF, "factorof") EACH(MATHML, FALSE, "false") EACH(MATHML, FLOOR, "floor")     \
  EACH(MATHML, FN, "fn") EACH(MATHML, FORALL, "forall") EACH(MATHML, GCD, "gcd")                   \
  EACH(MATHML, GEQ, "geq") EACH(MATHML, GRAD, "grad") EACH(MATHML, GT, "gt")                       \
  EACH(MATHML, IDENT, "ident") EACH(MATHML, IMAGE, "image") EACH(MATHML, IMAGINARY, "imaginary")   \
  EACH(MATHML, IMAGINARYI, "imaginaryi") EACH(MATHML, IMPLIES, "implies") EACH(MATHML, IN, "in")   \
  EACH(MATHML, INFINITY, "infinity") EACH(MATHML, INT, "int") EACH(MATHML, INTEGERS, "integers")   \
  EACH(MATHML, INTERSECT, "intersect") EACH(MATHML, INTERVAL, "interval")                          \
  EACH(MATHML, INVERSE, "inverse") EACH(MATHML, LAMBDA, "lambda")                                  \
  EACH(MATHML, LAPLACIAN, "laplacian") EACH(MATHML, LCM, "lcm") EACH(MATHML, LEQ, "leq")           \
  EACH(MATHML, LIMIT, "limit") EACH(MATHML, LIST, "list") EACH(MATHML, LN, "ln")                   \
  EACH(MATHML, LOG, "log") EACH(MATHML, LOGBASE, "logbase") EACH(MATHML, LOWLIMIT, "lowlimit")     \
  EACH(MATHML, LT, "lt") EACH(MATHML, MATRIX, "matrix") EACH(MATHML, MATRIXROW, "matrixrow")       \
  EACH(MATHML, MAX, "max") EACH(MATHML, MEAN, "mean") EACH(MATHML, MEDIAN, "median")               \
  EACH(MATHML, MIN, "min") EACH(MATHML, MINUS, "minus") EACH(MATHML, MODE, "mode")                 \
  EACH(MATHML, MOMENT, "moment") EACH(MATHML, MOMENTABOUT, "momentabout")                          \
  EACH(MATHML, NATURALNUMBERS, "naturalnumbers") EACH(MATHML, NEQ, "neq")                          \
  EACH(MATHML, NOT, "not") EACH(MATHML, NOTANUMBER, "notanumber") EACH(MATHML, NOTIN, "notin")     \
  EACH(MATHML, NOTPRSUBSET, "notprsubset") EACH(MATHML, NOTSUBSET, "notsubset")                    \
  EACH(MATHML, OR, "or") EACH(MATHML, OTHERWISE, "otherwise")                                      \
  EACH(MATHML, OUTERPRODUCT, "outerproduct") EACH(MATHML, PARTIALDIFF, "partialdiff")              \
  EACH(MATHML, PI, "pi") EACH(MATHML, PIECE, "piece") EACH(MATHML, PIECEWISE, "piecewise")         \
  EACH(MATHML, PLUS, "plus") EACH(MATHML, POWER, "power") EACH(MATHML, PRIMES, "primes")           \
  EACH(MATHML, PRODUCT, "product") EACH(MATHML, PRSUBSET, "prsubset")                              \
  EACH(MATHML, QUOTIENT, "quotient") EACH(MATHML, RATIONALS, "rationals")                          \
  EACH(MATHML, REAL, "real") EACH(MATHML, REALS, "reals") EACH(MATHML, RELN, "reln")               \
  EACH(MATHML, REM, "rem") EACH(MATHML, ROOT, "root")                                              \
  EACH(MATHML, SCALARPRODUCT, "scalarproduct") EACH(MATHML, SDEV, "sdev")                          \
  EACH(MATHML, SEC, "sec") EACH(MATHML, SECH, "sech") EACH(MATHML, SELECTOR, "selector")           \
  EACH(MATHML, SEP, "sep") EACH(MATHML, SET, "set") EACH(MATHML, SETDIFF, "setdiff")               \
  EACH(MATHML, SIN, "sin") EACH(MATHML, SINH, "sinh") EACH(MATHML, SUBSET, "subset")               \
  EACH(MATHML, SUM, "sum") EACH(MATHML, TAN, "tan") EACH(MATHML, TANH, "tanh")                     \
  EACH(MATHML, TENDSTO, "tendsto") EACH(MATHML, TIMES, "times")                                    \
  EACH(MATHML, TRANSPOSE, "transpose") EACH(MATHML, TRUE, "true") EACH(MATHML, UNION, "union")     \
  EACH(MATHML, UPLIMIT, "uplimit") EACH(MATHML, VARIANCE, "variance")                              \
  EACH(MATHML, VECTOR, "vector") EACH(MATHML, VECTORPRODUCT, "vectorproduct")                      \
  EACH(MATHML, XOR, "xor")

#define DOM_NAMES_XLINK(EACH)                                                                      \
  EACH(XLINK, HREF, "href") EACH(XLINK, TITLE, "title") EACH(XLINK, TYPE, "type")                  \
  EACH(XLINK, SHOW, "show") EACH(XLINK, ROLE, "role") EACH(XLINK, ARCROLE, "arcrole")              \
  EACH(XLINK, ACTUATE, "actuate")

#define DOM_NAMES_XML(EACH)                                                                        \
  EACH(XML, LANG, "lang") EACH(XML, SPACE, "space") EACH(XML, BASE, "base")

#define DOM_NAMES_XMLNS(EACH)                                                                      \
  EACH(XMLNS, XMLNS, "xmlns") EACH(XMLNS, XLINK, "xlink")

/* clang-format on */

#define DOM_NAMES(EACH)                                                                            \
  DOM_NAMES_HTML(EACH)                                                                             \
  DOM_NAMES_ATTRIBUTES(EACH)                                                                       \
  DOM_NAMES_SVG(EACH)                                                                              \
  DOM_NAMES_MATHML(EACH) DOM_NAMES_XLINK(EACH) DOM_NAMES_XML(EACH) DOM_NAMES_XMLNS(EACH)

#endif
