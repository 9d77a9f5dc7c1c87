/* SPDX-License-Identifier: BSD-2-Clause */
/* NVM Express 1.4: registers, commands, data structures, in the specification's order. [NVME1.4] */
#ifndef NVME_NVME_SPEC_H
#define NVME_NVME_SPEC_H

/* 3.1 Registers */
#define NVME_CAP_LO 0x00
#define NVME_CAP_HI 0x04
#define NVME_VS 0x08
#define NVME_INTMS 0x0c
#define NVME_INTMC 0x10
#define NVME_CC 0x14
#define NVME_CSTS 0x1c
#define NVME_AQA 0x24
#define NVME_ASQ_LO 0x28
#define NVME_ASQ_HI 0x2c
#define NVME_ACQ_LO 0x30
#define NVME_ACQ_HI 0x34
#define NVME_DOORBELLS 0x1000
#define NVME_CC_EN 0x1u
#define NVME_CSTS_RDY 0x1u
#define NVME_CSTS_CFS 0x2u
#define NVME_CSTS_SHST_DONE 0x8u

/* 4.2, 4.6 Entries */
#define NVME_SQE_BYTES 64
#define NVME_CQE_BYTES 16
#define NVME_C_OPCODE 0
#define NVME_C_FLAGS 1 /* fused, PSDT */
#define NVME_C_CID 2
#define NVME_C_NSID 4
#define NVME_C_PRP1 24
#define NVME_C_PRP2 32
#define NVME_C_CDW10 40
#define NVME_C_CDW11 44
#define NVME_C_CDW12 48

/* 4.6.1 Status: type << 8 | code */
#define NVME_OK 0x000
#define NVME_INVALID_OPCODE 0x001
#define NVME_INVALID_FIELD 0x002
#define NVME_TRANSFER_ERROR 0x004
#define NVME_INVALID_NS 0x00b
#define NVME_SEQUENCE_ERROR 0x00c
#define NVME_PRP_OFFSET 0x013
#define NVME_LBA_RANGE 0x080
#define NVME_CQ_INVALID 0x100
#define NVME_QID_INVALID 0x101
#define NVME_QSIZE_INVALID 0x102
#define NVME_AER_LIMIT 0x105
#define NVME_VECTOR_INVALID 0x108
#define NVME_LOG_INVALID 0x109
#define NVME_Q_DELETION 0x10c
#define NVME_NOT_SAVEABLE 0x10d
#define NVME_READ_ONLY 0x182
#define NVME_WRITE_FAULT 0x280
#define NVME_READ_ERROR 0x281
#define NVME_DNR 0x4000

/* 5 Admin commands */
#define NVME_DELETE_SQ 0x00
#define NVME_CREATE_SQ 0x01
#define NVME_GET_LOG 0x02
#define NVME_DELETE_CQ 0x04
#define NVME_CREATE_CQ 0x05
#define NVME_IDENTIFY 0x06
#define NVME_ABORT 0x08
#define NVME_SET_FEATURES 0x09
#define NVME_GET_FEATURES 0x0a
#define NVME_AER 0x0c

/* 5.15 Identify, 4096 bytes */
#define NVME_ID_BYTES 4096
#define NVME_CNS_NS 0
#define NVME_CNS_CTRL 1
#define NVME_CNS_LIST 2
#define NVME_CNS_DESCRIPTORS 3

/* 5.21 Features */
#define NVME_F_ARBITRATION 0x01
#define NVME_F_POWER 0x02
#define NVME_F_TEMPERATURE 0x04
#define NVME_F_ERROR 0x05
#define NVME_F_WRITE_CACHE 0x06
#define NVME_F_QUEUES 0x07
#define NVME_F_COALESCING 0x08
#define NVME_F_VECTOR 0x09
#define NVME_F_ATOMICITY 0x0a
#define NVME_F_EVENTS 0x0b
#define NVME_SAVE 0x80000000u /* of DWORD 10 */
#define NVME_TOO_COLD 1       /* of temperatures, which are else too hot */
#define NVME_ALL_SENSORS 0xf

/* 6 NVM commands */
#define NVME_FLUSH 0x00
#define NVME_WRITE 0x01
#define NVME_READ 0x02
#define NVME_WRITE_ZEROES 0x08
#define NVME_DSM 0x09
#define NVME_FUA 0x40000000u
#define NVME_DEALLOCATE 0x02000000u /* of Write Zeroes */
#define NVME_DSM_DEALLOCATE 0x4u
#define NVME_RANGE_BYTES 16
#define NVME_RANGES_MAX 256

#endif
