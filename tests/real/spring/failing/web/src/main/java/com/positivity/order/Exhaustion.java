package com.positivity.order;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;

@Component
@Profile("heap")
class PriceCache {

    private final List<long[]> prices = new ArrayList<>();

    PriceCache() {
        while (true) {
            prices.add(new long[100_000]);
        }
    }
}

@Component
@Profile("native-thread")
class TillWorkers {

    TillWorkers() {
        CountDownLatch end = new CountDownLatch(1);
        try {
            while (true) {
                Thread worker = new Thread(() -> await(end), "till-worker");
                worker.setDaemon(true);
                worker.start();
            }
        } finally {
            end.countDown();
        }
    }

    private static void await(CountDownLatch end) {
        try {
            end.await();
        } catch (InterruptedException exception) {
            Thread.currentThread().interrupt();
        }
    }
}
