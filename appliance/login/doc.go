// Package login knows who may come in: accounts' passwords, app passwords of
// devices, and the slowing of guessers, for all mail protocols and the web.
//
// # Passwords
//
// A password is prepared by PRECIS OpaqueString (RFC 8265) and kept as an
// argon2id hash (RFC 9106) in PHC form. The cost is set by the smallest board
// and by what a household server can spare, which is memory first: one matrix
// of 7 MiB, one hash at a time, the matrix of the one before collected first
// and the last one given back to the system after two seconds. 7 MiB with 5 passes is the leanest of the
// settings OWASP holds equal; 64-bit boards use it. A 32-bit board makes one
// pass, because of this calculation for the ARM1176 of a Pi Zero at 1 GHz:
//
//	per KiB of matrix and pass, as the Go compiler writes it for GOARM=6
//	16 calls of the permutation, 677 instructions each    10,832 cycles
//	16 x 32 UMULL that take 4 cycles more                  2,048
//	16 x 286 loads and stores, half with a stall of 2      4,576
//	call overhead, 17 words on the stack each                800
//	three loops over 128 words, ten instructions each      3,840
//	64 cache lines from memory, 100 cycles each            6,400
//	                                                      ------
//	                                                      28,500 cycles = 28.5 us
//	7168 KiB x 1 pass                                     204 ms
//
// A quarter more for what the calculation misses stays under 300 ms. The
// 64-bit core of a Pi Zero 2 needs about 8 us per KiB and pass, so 287 ms for
// five. A login with a hash from a smaller board replaces it by a stronger
// one; a hash from a bigger board is honoured, and takes longer.
//
// App passwords are 72 random bits, which no slow hash needs to protect: one
// salted SHA-256 lets an account have 64 of them at no cost. They are tried
// first, whatever the program writes between the groups.
//
// A password found right is remembered for twelve hours as an HMAC over the
// account, its stored hashes and the password, under a key made at start. A
// changed password or a revoked app password is thereby out at once. Several
// connections that offer the same credential together wait for one hash.
// A password found wrong is remembered in the same way: a phone that repeats
// an old password costs no hash and counts as one mistake, for a repetition
// teaches a guesser nothing.
//
// # Guessers
//
// Nobody is ever locked out; answers are held back. The delay comes before
// the look at the password and is equal for right and wrong, known and
// unknown names. Two records decide it:
//
//	the source   five mistakes are free, then 250 ms doubling to 10 s between
//	             attempts, one after the other, eight waiting at most
//	the account  the same, up to 5 s, for strangers only and not in turn
//
// Mistakes are halved for each quarter of an hour without a new one. A source
// is a network (IPv4 address, IPv6 /64) - until an account was logged in to
// from an address: that pair is trusted for 30 days and has a source of its
// own, which no other address and no attempt on another account can spoil,
// and goes to the head of the line for hashes. So a guesser at one address
// can neither refuse nor delay the owner's login from a known one by more
// than the hash being computed, and from a new one by more than the account's
// delay and the hashes in line. All tables are bounded and forget the least
// recently used; nothing is written to the card, and a restart forgets
// everything.
package login
