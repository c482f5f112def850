package com.positivity.order;

import java.util.Currency;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;
import org.springframework.stereotype.Service;

@Component
@Profile("bean-constructor")
class ReceiptFormat {

    ReceiptFormat(@Value("${pos.currency:EURO}") String currency) {
        try {
            Currency.getInstance(currency);
        } catch (IllegalArgumentException exception) {
            throw new IllegalStateException("No receipt can be printed in the currency " + currency, exception);
        }
    }
}

@Component
@Profile("bean-constructor")
class ReceiptPrinter {

    ReceiptPrinter(ReceiptFormat format) {
    }
}

@Service
@Profile("bean-constructor")
class TillService {

    TillService(ReceiptPrinter printer) {
    }
}
