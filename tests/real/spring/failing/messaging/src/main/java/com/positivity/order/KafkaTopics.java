package com.positivity.order;

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.clients.admin.NewTopic;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

@Configuration
@Profile("kafka-topic")
class KafkaTopics {

    @Bean
    NewTopic orders() {
        return new NewTopic("pos.orders", 1, (short) 1);
    }
}

@Component
@Profile("kafka-listener")
class OrderListener {

    @KafkaListener(topics = "pos.orders", groupId = "pos-order")
    void receive(String order) {
    }
}

/** Started last, when the listener has warned of its broker for some time. */
@Component
@Profile("kafka-listener")
class StockSnapshot implements SmartLifecycle {

    @Override
    public void start() {
        try {
            Thread.sleep(1_500);
            Files.readAllLines(Path.of("/data/stock.csv"));
        } catch (Exception exception) {
            throw new IllegalStateException("No snapshot of the stock", exception);
        }
    }

    @Override
    public void stop() {
    }

    @Override
    public boolean isRunning() {
        return false;
    }

    @Override
    public int getPhase() {
        return Integer.MAX_VALUE;
    }
}
