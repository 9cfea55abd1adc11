// A ClusterIP service as kube-proxy makes it: each new connection goes to one of the pods that are ready, those that stand are left alone.
import { connect, createServer } from "node:net";

export class Service {
  #server;
  #sockets = new Set();
  #next = 0;
  port = 0;

  /** `endpoints`: a function that returns the addresses of the pods that are ready now. */
  constructor(endpoints, targetPort) {
    this.#server = createServer((client) => {
      const addresses = endpoints();
      const address = addresses[this.#next++ % addresses.length];
      // No endpoint: refused, as kube-proxy has it.
      if (address === undefined) return client.resetAndDestroy();
      const pod = connect(targetPort, address);
      for (const [one, other] of [
        [client, pod],
        [pod, client],
      ]) {
        one.setNoDelay(true);
        this.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  /** On the pods' side of the bridge, so that pods and this machine reach it. */
  async listen(host, port) {
    await new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
    this.port = this.#server.address().port;
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
