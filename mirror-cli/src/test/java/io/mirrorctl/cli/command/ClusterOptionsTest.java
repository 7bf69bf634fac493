package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClusterOptionsTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --cluster c                                                  | needs one of --zookeeper
          --cluster c --zookeeper h:1 --embedded-zookeeper             | needs one of --zookeeper
          --zookeeper h:1                                              | without --cluster
          --session-timeout 3s                                         | without --cluster
          --cluster a/b --zookeeper h:1                                | cannot be a cluster's name
          --cluster c --zookeeper h                                    | wanted host:port
          --cluster c --zookeeper h:1 --session-timeout soon           | --session-timeout takes a time
          --cluster c --zookeeper h:1 --session-timeout 10ms           | must be 1 s to 10 min
          --cluster c --zookeeper h:1 --fence reboot                   | --fence takes exec:CMD
          --cluster c --zookeeper h:1 --zookeeper-listen h:1           | for --embedded-zookeeper only
          --cluster c --zookeeper h:1 --zookeeper-tls-key k.pem        | need --zookeeper-tls-ca
          --cluster c --embedded-zookeeper d --zookeeper-user f        | neither users nor TLS
          --cluster c --embedded-zookeeper d --zookeeper-listen h      | takes HOST:PORT
          """)
  void whatCannotBeMeantIsAUsageErrorThatSaysWhy(String options, String why) {
    List<String> arguments = new ArrayList<>(List.of("node", "--name", "n"));
    arguments.addAll(Arrays.asList(options.strip().split(" +")));

    Cli.Run run = Cli.run(arguments.toArray());

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(why);
  }
}
