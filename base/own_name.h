/* own_name.h - what a process calls itself among others when nobody gives it a name. */
#ifndef BASE_OWN_NAME_H
#define BASE_OWN_NAME_H

/* "HOST-PID", at most 58 letters, digits, dots, dashes and underscores; the same text each time. */
const char *own_name(void);

#endif
