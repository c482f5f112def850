package com.positivity.order;

import jakarta.annotation.PostConstruct;
import org.springframework.amqp.core.AmqpAdmin;
import org.springframework.amqp.core.Queue;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;

@Component
@Profile("rabbit")
class RabbitQueues {

    private final AmqpAdmin admin;

    RabbitQueues(AmqpAdmin admin) {
        this.admin = admin;
    }

    @PostConstruct
    void declare() {
        admin.declareQueue(new Queue("orders"));
    }
}
