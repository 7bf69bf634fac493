/** NBD server and client: block devices of this process offered to others, and theirs used here. */
package io.mirrorctl.cli.nbd;
