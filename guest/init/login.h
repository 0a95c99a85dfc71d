#ifndef BANGER_INIT_LOGIN_H
#define BANGER_INIT_LOGIN_H

// Has systemd offer a login on the serial console: root's, without a password, once somebody presses
// Enter there. Whoever reaches that console is the VM's owner. What the image itself says of it, in /etc, wins.
void login_offer(void);

#endif
