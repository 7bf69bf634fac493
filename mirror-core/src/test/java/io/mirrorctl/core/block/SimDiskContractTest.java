package io.mirrorctl.core.block;

import org.junit.jupiter.api.Nested;

class SimDiskContractTest {
  @Nested
  class WithSectorsOf512 extends BlockDeviceContract {
    @Override
    protected BlockDevice open() {
      return new SimDisk("sim", BYTES);
    }
  }

  @Nested
  class WithSectorsOf4096 extends BlockDeviceContract {
    @Override
    protected BlockDevice open() {
      return new SimDisk("sim", BYTES, 4096);
    }
  }
}
