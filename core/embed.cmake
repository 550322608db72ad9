# Writes a C file with the bytes of one file: -DOUT=file.c -DFILE=console.html -DNAME=console_html
file(READ ${FILE} hex HEX)
string(LENGTH "${hex}" n)
math(EXPR n "${n} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "/* Made by core/embed.cmake from ${FILE}; not edited. */
extern const char ${NAME}[];
extern const unsigned ${NAME}_len;
const char ${NAME}[] = {${bytes}};
const unsigned ${NAME}_len = ${n};
")
