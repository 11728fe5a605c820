"""Small requests by several clients for some seconds; every one must succeed. usage: load.py PORT ENDPOINT SECONDS"""

import sys
import threading
import time

import requests

PORT, ENDPOINT, SECONDS = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
deadline = time.monotonic() + SECONDS
faults, done = [], [0] * 6


def work(index):
    with requests.Session() as session:
        while time.monotonic() < deadline:
            try:
                answer = session.get(f"http://127.0.0.1:{PORT}/name", headers={"x-pico-endpoint": ENDPOINT}, timeout=20)
                if answer.status_code == 200:
                    done[index] += 1
                else:
                    faults.append(f"{answer.status_code} {answer.text}")
            except requests.RequestException as error:
                faults.append(repr(error))
            if done[index] == 20:
                print("started", flush=True)
            time.sleep(0.005)


threads = [threading.Thread(target=work, args=(index,)) for index in range(len(done))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(f"{sum(done)} done, {len(faults)} failed")
for fault in faults[:10]:
    print(fault)
sys.exit(1 if faults or not sum(done) else 0)
