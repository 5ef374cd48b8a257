/* A process that waits for a child made with vfork, as long as somebody lets it. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
  if (vfork() == 0) {
    dprintf(1, "ready\n");
    for (;;) pause();
  }
  return 0;
}
