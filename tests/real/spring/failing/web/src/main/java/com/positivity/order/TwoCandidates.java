package com.positivity.order;

import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;
import org.springframework.stereotype.Service;

interface PaymentGateway {
}

@Component
@Profile("bean-ambiguous")
class CardGateway implements PaymentGateway {
}

@Component
@Profile("bean-ambiguous")
class CashGateway implements PaymentGateway {
}

@Service
@Profile("bean-ambiguous")
class PaymentService {

    PaymentService(PaymentGateway gateway) {
    }
}
